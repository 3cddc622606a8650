use projection::{Cell, Cells};

/// The number of rows, and the sum of a CRC-32 over each row, so that their order does not matter. The sums over the
/// folded rows and over the stored rows must be equal. A difference shows that a write went wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RowsChecksum {
    /// The number of rows.
    pub rows: u64,
    /// The sum over the rows.
    pub rows_sum: u64,
    /// The number of lines.
    pub lines: u64,
    /// The sum over the lines.
    pub lines_sum: u64,
}

impl RowsChecksum {
    /// Adds one more row.
    pub fn add_row(&mut self, row: &Cells) {
        self.rows += 1;
        self.rows_sum = self.rows_sum.wrapping_add(crc(row));
    }

    /// Puts a row in the place of another, or adds it where there was none.
    pub fn replace_row(&mut self, before: Option<&Cells>, after: &Cells) {
        if let Some(before) = before {
            self.rows = self.rows.wrapping_sub(1);
            self.rows_sum = self.rows_sum.wrapping_sub(crc(before));
        }
        self.add_row(after);
    }

    /// Adds one more line.
    pub fn add_line(&mut self, line: &Cells) {
        self.lines += 1;
        self.lines_sum = self.lines_sum.wrapping_add(crc(line));
    }

    /// Adds the counts and sums of another checksum.
    pub const fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.rows_sum = self.rows_sum.wrapping_add(other.rows_sum);
        self.lines += other.lines;
        self.lines_sum = self.lines_sum.wrapping_add(other.lines_sum);
    }
}

/// The CRC-32 of the cells as text, in the order of the columns and with bars between them. A database computes the
/// same with `CONCAT_WS('|', …)`. An optional cell with a value begins with an equals sign, so that an empty text
/// differs from a missing text.
fn crc(cells: &Cells) -> u64 {
    let mut text = String::with_capacity(128);
    for (column, cell) in cells.table().columns.iter().zip(cells.values()) {
        if !text.is_empty() {
            text.push('|');
        }
        if column.is_optional && *cell != Cell::Null {
            text.push('=');
        }
        match cell {
            Cell::Null => {}
            Cell::Id(stream_id) => text.push_str(&stream_id.0.as_simple().to_string()),
            Cell::Text(value) => text.push_str(value),
            Cell::Integer(value) => text.push_str(&value.to_string()),
            Cell::Count(value) => text.push_str(&value.to_string()),
        }
    }
    crc32fast::hash(text.as_bytes()).into()
}
