use serde_json::{Value, json};

use crate::harness::Server;

#[tokio::test]
async fn every_line_of_a_request_is_json_with_its_correlation_id_and_each_key_once() {
    let server = Server::start_with(&[("PASSBOOK_LOG", "info,cqrs=debug")]);
    let client = server.client();
    let account_id = client.open("10").await;
    let path = format!("/accounts/{account_id}");
    let answers = [
        client.deposit(&account_id, "1").await,
        client.withdraw(&account_id, "12").await,
        client.get_at(&path, 2).await,
        client.get("/accounts/1").await,
        client.get("/nowhere").await,
    ];
    let log = server.log();
    let mut lines: Vec<Value> = Vec::new();
    for text in log.lines() {
        let line: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        // A reader keeps only one of two members with the same name. Then the line written again would be
        // shorter.
        assert_eq!(line.to_string().len(), text.len(), "a key that is there twice: {text}");
        lines.push(line);
    }
    let lines_of = |number: usize| -> Vec<&Value> {
        let correlation_id = answers[number].header("x-correlation-id").expect("an id");
        lines.iter().filter(|line| line["span"]["correlation_id"] == correlation_id).collect()
    };
    for (number, kind, message_type, ended, status) in [
        (0, "command", "DepositFunds", "done", 200),
        (1, "command", "WithdrawFunds", "refused", 422),
        (2, "query", "GetAccount", "done", 200),
    ] {
        let of_request = lines_of(number);
        let [dispatched, answered] = of_request.as_slice() else { panic!("not two lines: {of_request:#?}") };
        assert_eq!(dispatched["message"], ended);
        assert_eq!(
            (&dispatched["span"]["kind"], &dispatched["span"]["message_type"]),
            (&json!(kind), &json!(message_type))
        );
        assert_eq!((&answered["message"], &answered["status"]), (&json!("answered"), &json!(status)));
    }
    assert_eq!(lines_of(3).last().expect("a line")["status"], 404);
    // The holder's name belongs in the databases, not in the logs.
    assert!(!log.contains("Ann Lee"), "{log}");
}
