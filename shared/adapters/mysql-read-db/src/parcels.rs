use serde::Serialize;

/// Rows in the form that one statement takes: a JSON list.
pub(crate) struct Parcel {
    pub json: String,
    pub rows: usize,
}

/// The size limit of a parcel, well within one record of TLS (16,384 bytes). The driver writes each record by itself
/// and leaves Nagle's algorithm on. So the last bytes of a longer statement would wait until the server acknowledges
/// the bytes before them, which it delays by 40 ms. Half a record measured better than a nearly full record. A smaller
/// parcel would only add round trips.
const PARCEL_BYTES: usize = 8_000;

/// The rows in their order, in as few parcels as possible. A row that is longer than a parcel gets a parcel of its own.
pub(crate) fn parcels<R: Serialize>(rows: impl IntoIterator<Item = R>) -> Vec<Parcel> {
    let mut parcels: Vec<Parcel> = Vec::new();
    for row in rows {
        let row = json(&row);
        match parcels.last_mut() {
            Some(parcel) if parcel.json.len() + row.len() + ",]".len() <= PARCEL_BYTES => {
                parcel.json.push(',');
                parcel.json.push_str(&row);
                parcel.rows += 1;
            }
            _ => parcels.push(Parcel { json: format!("[{row}"), rows: 1 }),
        }
    }
    for parcel in &mut parcels {
        parcel.json.push(']');
    }
    parcels
}

/// The JSON of a row, which consists of texts, numbers and lists of them.
pub(crate) fn json<R: Serialize>(row: &R) -> String {
    serde_json::to_string(row).expect("writing to memory does not fail")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_parcel_in_order_and_only_a_long_row_makes_a_long_parcel() {
        let rows: Vec<(usize, String)> =
            (0..500).map(|number| (number, "x".repeat(if number == 77 { 40_000 } else { number % 300 }))).collect();
        let parcels = parcels(&rows);
        let mut unpacked: Vec<(usize, String)> = Vec::new();
        for parcel in &parcels {
            let rows: Vec<(usize, String)> = serde_json::from_str(&parcel.json).expect("a list");
            assert_eq!(rows.len(), parcel.rows);
            assert!(parcel.json.len() <= PARCEL_BYTES || parcel.rows == 1);
            unpacked.extend(rows);
        }
        assert_eq!(unpacked, rows);
        // The rows are 80 kB of short rows, with the long row between them.
        assert!((11..15).contains(&parcels.len()), "{}", parcels.len());
        assert!(super::parcels(Vec::<u8>::new()).is_empty());
    }
}
