//! The README's tour works as printed. Every command of it is run, in order, in one shell, against a new server. It must
//! print the same text as the README.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::harness::Server;

const README: &str = include_str!("../README.md");
const ADDRESS_IN_README: &str = "http://127.0.0.1:9000";

/// A command and the text that the README prints below it.
struct Step {
    command: String,
    printed: String,
}

fn tour() -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_console = false;
    for line in README.lines() {
        match line {
            "```console" => is_console = true,
            "```" => is_console = false,
            _ if !is_console => {}
            _ => match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => steps.push(Step { command: command.to_owned(), printed: String::new() }),
                (None, Some(step)) => step.printed.push_str(&format!("{line}\n")),
                (None, None) => panic!("output before the first command: {line}"),
            },
        }
    }
    steps
}

/// The text without the parts that differ from run to run: times, hashes over them, and new ids. Equal hashes stay equal.
/// The tour's account id stays, because it is derived from the key.
fn without_what_varies(text: &str) -> String {
    let mut words = String::new();
    let mut hashes: Vec<&str> = Vec::new();
    for piece in text.split_inclusive('"') {
        let (content, quote) = piece.strip_suffix('"').map_or((piece, ""), |content| (content, "\""));
        let is_time = content.len() == 27 && content.ends_with('Z') && content.as_bytes()[10] == b'T';
        let is_new_id = uuid::Uuid::try_parse(content).is_ok() && !content.starts_with("00000000-0000-7");
        let is_hash = content.len() == 64 && content.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hash {
            let known = hashes.iter().position(|hash| *hash == content);
            let index = known.unwrap_or(hashes.len());
            if known.is_none() {
                hashes.push(content);
            }
            words.push_str(&format!("(hash {index})"));
        } else {
            words.push_str(if is_time {
                "(time)"
            } else if is_new_id {
                "(id)"
            } else {
                content
            });
        }
        words.push_str(quote);
    }
    words
}

#[test]
fn the_tour_works_as_printed() {
    let server = Server::start();
    let steps = tour();
    assert!(steps.len() >= 8, "the README has lost its tour");
    let mut shell =
        Command::new("bash").arg("-eu").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash starts");
    let mut script = String::new();
    for (index, step) in steps.iter().enumerate() {
        let command = step.command.replace(ADDRESS_IN_README, server.base_url());
        script.push_str(&format!("echo '### {index}'\n{command}\necho\n"));
    }
    shell.stdin.take().expect("piped").write_all(script.as_bytes()).expect("written");
    let output = shell.wait_with_output().expect("bash ends");
    let output = String::from_utf8(output.stdout).expect("UTF-8").replace(server.base_url(), ADDRESS_IN_README);
    let mut sections = output.split("### ").skip(1);
    for (index, step) in steps.iter().enumerate() {
        let section = sections.next().unwrap_or_else(|| panic!("{} was not reached", step.command));
        let got = section.strip_prefix(&format!("{index}\n")).expect("in order").trim_end();
        assert_eq!(
            without_what_varies(got),
            without_what_varies(step.printed.trim_end()),
            "{}\nprinted:\n{got}",
            step.command
        );
    }
    assert!(output.contains("### "), "nothing ran");
}
