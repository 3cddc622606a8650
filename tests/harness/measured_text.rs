use super::workspace_folder;

/// A text that a run of `make` writes into a document, between two marker lines.
#[derive(Debug, Clone, Copy)]
pub struct MeasuredText {
    /// The document's path in the project's own folder.
    pub document: &'static str,
    /// The command that writes the text.
    pub written_by: &'static str,
}

const ENDS: &str = "<!-- The figures end. -->\n";

impl MeasuredText {
    /// The document before the text, the text, and the document after it.
    fn parts(self) -> [String; 3] {
        let document = std::fs::read_to_string(workspace_folder().join(self.document)).expect("a file");
        let begins = format!("<!-- The figures are written by `{}`. -->\n", self.written_by);
        let (before, behind) = document.split_once(&begins).expect("where the figures begin");
        let (text, after) = behind.split_once(ENDS).expect("where they end");
        [before.to_owned() + &begins, text.to_owned(), ENDS.to_owned() + after]
    }

    /// Replaces the text in the document.
    pub fn write(self, text: &str) {
        let [before, _, after] = self.parts();
        std::fs::write(workspace_folder().join(self.document), format!("{before}\n{text}{after}")).expect("written");
    }

    /// The cells of each row of the text's table, without the head and without bold markup.
    pub fn rows(self) -> Vec<Vec<String>> {
        let [_, text, _] = self.parts();
        let cell = |cell: &str| cell.trim().trim_matches('*').to_owned();
        let rows = text.lines().filter(|line| line.starts_with("| ")).skip(2);
        rows.map(|row| row.trim_matches('|').split('|').map(cell).collect()).collect()
    }
}
