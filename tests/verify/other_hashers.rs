use std::process::Command;

use cqrs::{CommitDraft, Digest};
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteConnectOptions;

use crate::harness::{Client, Data, Server, is_on_servers};

/// Runs the checker of `docs/commit-hash.md`. Answers the end of its output, and whether it found no fault.
fn checked(store: &str) -> (String, bool) {
    let mut python = Command::new("python3");
    python.args([concat!(env!("CARGO_MANIFEST_DIR"), "/verify/check_hashes.py"), store]);
    #[cfg(feature = "services")]
    if store.contains("://") {
        python.env("PYTHONPATH", crate::harness::python_clients());
    }
    let output = python.output().expect("python3 is there");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!printed.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    (printed, output.status.success())
}

/// The line of JSON in the document has the hash below it, both by the program's own code and from the bytes alone.
#[test]
fn the_example_of_the_document_has_the_hash_that_it_says() {
    let document = include_str!("../../docs/commit-hash.md");
    let example = document.lines().find(|line| line.starts_with('{')).expect("an example");
    let (_, behind) = document.split_once("have the hash `").expect("its hash");
    let hash: Digest = behind[..64].parse().expect("a digest");
    assert_eq!(Digest::of(example.as_bytes()), hash);
    let draft: CommitDraft = serde_json::from_str(example).expect("a commit's content");
    assert_eq!(draft.hash(), hash);
    assert!(document.contains(&format!("These {} bytes", example.len())));
}

/// Makes texts that JSON must escape, every type of event, and several currencies.
async fn live(client: &Client) {
    for (currency, amount) in [("EUR", "10.05"), ("JPY", "1000000000000000"), ("KWD", "0.001")] {
        let account_id = client.open_in(currency, amount).await;
        let reference = "\u{e9}\u{1f600} \"quoted\" \\ \u{2028} </script> \u{fffd}";
        let body = serde_json::json!({ "amount": amount, "reference": reference });
        client.post_with_key(&format!("/accounts/{account_id}/withdrawals"), &body, "a key").await.expect(200);
        client.close(&account_id).await.expect(200);
    }
}

#[tokio::test]
async fn a_file_that_the_program_wrote_has_the_hashes_that_python_computes() {
    if is_on_servers() {
        return;
    }
    let server = Server::start();
    live(&server.client()).await;
    let file = server.home().join("events.db");
    let path = file.display().to_string();
    assert_eq!(checked(&path), ("9 commits, 0 of them wrong\n".to_owned(), true));
    // The checker can also find a fault.
    let mut raw = SqliteConnectOptions::new().filename(&file).connect().await.expect("opens");
    let edit = "DROP TRIGGER commits_are_never_updated; UPDATE commits SET caller = 'bob' WHERE position = 2";
    sqlx::raw_sql(edit).execute(&mut raw).await.expect("runs");
    let (printed, is_clean) = checked(&path);
    assert!(!is_clean && printed.ends_with("9 commits, 1 of them wrong\n"), "{printed}");
}

#[cfg(feature = "services")]
#[tokio::test]
async fn a_collection_that_the_program_wrote_has_the_hashes_that_python_computes() {
    let data = Data::on_servers();
    let environment = data.environment();
    let url = environment.iter().find(|(name, _)| name == "EVENT_STORE_URL").map(|(_, url)| url.clone());
    let server = Server::start_on_data(data);
    live(&server.client()).await;
    let (printed, is_clean) = checked(&url.expect("on servers"));
    assert_eq!((printed.as_str(), is_clean), ("9 commits, 0 of them wrong\n", true));
}
