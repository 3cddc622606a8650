use std::process::ExitCode;

use cqrs::Timestamp;
use kafka_events::KafkaConnection;
use serde::Serialize;

use super::DeadLettersError;
use super::letter::{LetterPlace, LetterRecord, OpenLetter};
use super::letter_topic::open_letters;

/// One record of an open letter.
#[derive(Debug, Serialize)]
struct Line {
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

/// Prints the open letters, a record a line.
pub(crate) async fn list(connection: &KafkaConnection, as_json: bool) -> Result<ExitCode, DeadLettersError> {
    let letters = open_letters(connection).await?;
    let now_ms = Timestamp::now().unix_millis();
    let lines: Vec<Line> = letters.iter().flat_map(|letter| lines_of(letter, now_ms)).collect();
    if as_json {
        for line in &lines {
            println!("{}", serde_json::json!(line));
        }
    } else if lines.is_empty() {
        println!("No open dead letters in {}.", connection.dead_letter_topic());
    } else {
        print!("{}", table(&lines));
    }
    Ok(ExitCode::SUCCESS)
}

fn lines_of(letter: &OpenLetter, now_ms: i64) -> Vec<Line> {
    let age_seconds = now_ms.saturating_sub(letter.written_at_ms) / 1_000;
    match letter.records() {
        Ok(records) => {
            records.iter().map(|record| line_of(letter.place, record, reason(letter, record), age_seconds)).collect()
        }
        Err(reason) => vec![Line {
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
}

fn line_of(letter: LetterPlace, record: &LetterRecord, reason: String, age_seconds: i64) -> Line {
    Line {
        letter: letter.to_string(),
        topic: Some(record.topic.clone()),
        partition: Some(record.partition),
        offset: Some(record.offset),
        event_type: record.header_text("ce_type"),
        stream_id: record.header_text("ce_subject"),
        version: record.header_text("ce_sequence"),
        age_seconds,
        reason,
    }
}

fn reason(letter: &OpenLetter, record: &LetterRecord) -> String {
    let Ok(letter) = &letter.letter else { return String::new() };
    let (context, response) = (&letter.request_context, &letter.response_context);
    let what = match (record.defect(), &response.function_error) {
        (Some(defect), _) => defect,
        (None, Some(kind)) => format!("the function failed ({kind}); its log says why"),
        (None, None) => "its log says why".to_owned(),
    };
    format!("{} after {} invocations: {what}", context.condition, context.approximate_invoke_count)
}

fn table(lines: &[Line]) -> String {
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
