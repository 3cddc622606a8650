use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::record::Source;

/// The offsets of the failed records, by partition.
pub(crate) type Failures = BTreeMap<i32, BTreeSet<i64>>;

/// The reason why a mapping cannot act on an answer. As on AWS the whole batch has then failed
/// (<https://docs.aws.amazon.com/lambda/latest/dg/kafka-retry-configurations.html#kafka-partial-batch-response>).
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("the function's answer is not of the form {{\"batchItemFailures\": […]}}")]
    OtherForm,
    #[error("the function reports a record as failed that was not in the batch: {0}")]
    NotInTheBatch(String),
}

/// The records of a batch that the function reports as failed. An empty answer, null, and an object without the list report none.
pub(crate) fn failures(
    answer: &[u8],
    source: &Source,
    delivered: &BTreeMap<i32, BTreeSet<i64>>,
) -> Result<Failures, AnswerError> {
    if answer.trim_ascii().is_empty() {
        return Ok(Failures::new());
    }
    let listed = match serde_json::from_slice(answer).map_err(|_| AnswerError::OtherForm)? {
        Value::Null => return Ok(Failures::new()),
        Value::Object(mut answer) => match answer.remove("batchItemFailures") {
            None | Some(Value::Null) => return Ok(Failures::new()),
            Some(Value::Array(listed)) => listed,
            Some(_) => return Err(AnswerError::OtherForm),
        },
        _ => return Err(AnswerError::OtherForm),
    };
    let by_name: BTreeMap<String, i32> =
        delivered.keys().map(|partition| (source.partition_name(*partition), *partition)).collect();
    let mut failures = Failures::new();
    for failure in listed {
        let identifier = &failure["itemIdentifier"];
        // AWS's documentation has had both names.
        let partition = identifier["topic-partition"].as_str().or_else(|| identifier["partition"].as_str());
        let (Some(name), Some(offset)) = (partition, identifier["offset"].as_i64()) else {
            return Err(AnswerError::OtherForm);
        };
        match by_name.get(name) {
            Some(partition) if delivered[partition].contains(&offset) => {
                failures.entry(*partition).or_default().insert(offset);
            }
            _ => return Err(AnswerError::NotInTheBatch(identifier.to_string())),
        }
    }
    Ok(failures)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(answer: &str) -> Result<Failures, AnswerError> {
        let source = Source { topic: "t-1".to_owned(), bootstrap_servers: String::new() };
        let delivered = BTreeMap::from([(0, BTreeSet::from([5, 6])), (12, BTreeSet::from([1]))]);
        failures(answer.as_bytes(), &source, &delivered)
    }

    #[test]
    fn nothing_said_is_nothing_failed() {
        for answer in ["", " \n", "null", "{}", r#"{"batchItemFailures":null}"#, r#"{"batchItemFailures":[]}"#] {
            assert_eq!(read(answer), Ok(Failures::new()), "{answer}");
        }
    }

    #[test]
    fn failures_are_found_by_partition_and_offset() {
        let answer = r#"{"batchItemFailures":[
            {"itemIdentifier":{"partition":"t-1-0","offset":6}},
            {"itemIdentifier":{"topic-partition":"t-1-12","offset":1}},
            {"itemIdentifier":{"partition":"t-1-0","offset":5}}]}"#;
        assert_eq!(read(answer), Ok(BTreeMap::from([(0, BTreeSet::from([5, 6])), (12, BTreeSet::from([1]))])));
    }

    #[test]
    fn an_answer_of_another_form_fails_the_batch() {
        for answer in [
            "[]",
            "\"done\"",
            "{",
            r#"{"batchItemFailures":{}}"#,
            r#"{"batchItemFailures":[{}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"t-1-0-5"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":{"topic":"t-1-0","offset":5}}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"t-1-0","offset":null}}]}"#,
        ] {
            assert_eq!(read(answer), Err(AnswerError::OtherForm), "{answer}");
        }
    }

    #[test]
    fn a_record_that_was_not_delivered_fails_the_batch() {
        for (partition, offset) in [("t-1-0", 7), ("t-1-1", 5), ("t-0", 5)] {
            let answer = format!(
                r#"{{"batchItemFailures":[{{"itemIdentifier":{{"partition":"{partition}","offset":{offset}}}}}]}}"#
            );
            assert!(matches!(read(&answer), Err(AnswerError::NotInTheBatch(_))), "{answer}");
        }
    }
}
