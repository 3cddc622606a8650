//! `docs/your-own-aggregate.md` shows code, and all of it is code that is compiled and tested here.

use std::path::Path;

const GUIDE: &str = "docs/your-own-aggregate.md";
const SOURCES: &str = "tests/second_aggregate";

/// The lines of each ```` ```rust ```` and ```` ```sql ```` block, with the number of the block's first line.
fn blocks_of_code(guide: &str) -> Vec<(usize, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(guide.lines());
    while let Some((number, line)) = lines.next() {
        if line.trim() == "```rust" || line.trim() == "```sql" {
            let block = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim() != "```").collect();
            blocks.push((number, block));
        }
    }
    blocks
}

/// The lines without the indentation that all of them share.
fn dedented<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let shared = lines.iter().filter(|line| !line.trim().is_empty()).map(|line| indentation(line)).min().unwrap_or(0);
    lines.iter().map(|line| line.get(shared..).unwrap_or("")).collect()
}

#[test]
fn every_excerpt_of_the_guide_is_the_code_of_this_suite() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let sources: Vec<String> = std::fs::read_dir(root.join(SOURCES))
        .expect("a folder")
        .map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("text"))
        .collect();
    let guide = std::fs::read_to_string(root.join(GUIDE)).expect("text");
    let blocks = blocks_of_code(&guide);
    assert!(!blocks.is_empty(), "{GUIDE} shows no code");
    for (number, block) in blocks {
        let excerpt = dedented(&block);
        let is_in = |source: &String| {
            let lines: Vec<&str> = source.lines().collect();
            !excerpt.is_empty() && lines.windows(excerpt.len()).any(|window| dedented(window) == excerpt)
        };
        assert!(
            sources.iter().any(is_in),
            "{GUIDE}, line {number}: this is in no file of {SOURCES}:\n{}",
            excerpt.join("\n")
        );
    }
}
