use cqrs::Timestamp;
use lambda_kafka_event::WholeRecord;
use serde::Serialize;

use super::{LetterPlace, OpenLetter};

/// One record of an open letter, for a list. In serialized form it is a line for programs.
#[derive(Debug, Serialize)]
pub struct LetterLine {
    letter: String,
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    event_type: Option<String>,
    stream_id: Option<String>,
    version: Option<String>,
    age_seconds: i64,
    reason: String,
}

/// The lines of these letters, one for each record. A letter whose records cannot be read has one line.
///
/// The event's type, subject and sequence come from the headers that CloudEvents' Kafka binding defines. `defect` gives
/// the fault that the application itself finds in a record. If it finds none, the line refers to the function's log.
#[must_use]
pub fn letter_lines(letters: &[OpenLetter], defect: &dyn Fn(&WholeRecord) -> Option<String>) -> Vec<LetterLine> {
    let now_ms = Timestamp::now().unix_millis();
    let lines = letters.iter().flat_map(|letter| {
        let age_seconds = now_ms.saturating_sub(letter.written_at_ms) / 1_000;
        match letter.records() {
            Ok(records) => records
                .iter()
                .map(|record| line_of(letter.place, record, reason(letter, defect(record)), age_seconds))
                .collect(),
            Err(reason) => vec![LetterLine {
                letter: letter.place.to_string(),
                topic: None,
                partition: None,
                offset: None,
                event_type: None,
                stream_id: None,
                version: None,
                age_seconds,
                reason,
            }],
        }
    });
    lines.collect()
}

fn line_of(letter: LetterPlace, record: &WholeRecord, reason: String, age_seconds: i64) -> LetterLine {
    // The record may be damaged, so bytes that are not UTF-8 are replaced.
    let text = |name| record.header(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    LetterLine {
        letter: letter.to_string(),
        topic: Some(record.topic.clone()),
        partition: Some(record.partition),
        offset: Some(record.offset),
        event_type: text("ce_type"),
        stream_id: text("ce_subject"),
        version: text("ce_sequence"),
        age_seconds,
        reason,
    }
}

fn reason(letter: &OpenLetter, defect: Option<String>) -> String {
    let Ok(letter) = &letter.letter else { return String::new() };
    let (context, response) = (&letter.request_context, &letter.response_context);
    let cause = match (defect, &response.function_error) {
        (Some(defect), _) => defect,
        (None, Some(kind)) => format!("the function failed ({kind}); its log has the reason"),
        (None, None) => "its log has the reason".to_owned(),
    };
    format!("{} after {} invocations: {cause}", context.condition, context.approximate_invoke_count)
}

/// The lines as a table with a heading, for people.
#[must_use]
pub fn letter_table(lines: &[LetterLine]) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
    let mut rows = vec![["LETTER", "RECORD", "EVENT", "STREAM", "VERSION", "AGE", "REASON"].map(ToOwned::to_owned)];
    rows.extend(lines.iter().map(|line| {
        let record = match (&line.topic, line.partition, line.offset) {
            (Some(topic), Some(partition), Some(offset)) => format!("{topic} {partition}:{offset}"),
            _ => "?".to_owned(),
        };
        [
            line.letter.clone(),
            record,
            text(&line.event_type),
            text(&line.stream_id),
            text(&line.version),
            age(line.age_seconds),
            line.reason.clone(),
        ]
    }));
    let widths: Vec<usize> =
        (0..6).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()).collect();
    rows.iter().fold(String::new(), |mut table, row| {
        for (cell, width) in row.iter().zip(&widths) {
            table.push_str(&format!("{cell:width$}  "));
        }
        table.push_str(&row[6]);
        table.push('\n');
        table
    })
}

fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
