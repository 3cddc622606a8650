use std::fmt::Write as _;

use serde::Serialize;

use super::load::Figures;

/// The content of `target/isolation.json`.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The time of each round.
    pub seconds: u64,
    pub processes_of_each_function: usize,
    pub read_capacity_per_s: f64,
    pub read_offered_per_s: f64,
    pub write_capacity_per_s: f64,
    pub write_offered_per_s: f64,
    /// One entry for each round. The same holds for the fields below.
    pub writes_quiet: Vec<Figures>,
    pub writes_while_reads_are_saturated: Vec<Figures>,
    pub saturated_reads: Vec<Figures>,
    /// The ratio of the rounds' medians: with the reads saturated, divided by without them.
    pub write_p50_ratio: f64,
    pub write_p99_ratio: f64,
}

impl Report {
    /// The document's table, and the sentence on its measurement.
    pub fn text(&self) -> String {
        let mut text = String::from(
            "| | offered a second | answered a second | p50, ms | p99, ms |\n| --- | ---: | ---: | ---: | ---: |\n",
        );
        for (name, offered_per_s, rounds) in [
            ("writes", self.write_offered_per_s, &self.writes_quiet),
            ("writes while the reads are saturated", self.write_offered_per_s, &self.writes_while_reads_are_saturated),
            ("reads, saturated", self.read_offered_per_s, &self.saturated_reads),
        ] {
            let [_, answered, _] = spread(rounds, |of| f64::from(u32::try_from(of.answered).expect("some thousand")));
            let of_rounds = |of| {
                let [least, median, most] = spread(rounds, of);
                format!("{median:.1} ({least:.1} to {most:.1})")
            };
            let answered_per_s = answered / self.seconds as f64;
            let (p50, p99) = (of_rounds(|of| of.p50_ms), of_rounds(|of| of.p99_ms));
            writeln!(text, "| {name} | {offered_per_s:.0} | {answered_per_s:.0} | {p50} | {p99} |")
                .expect("a text takes everything");
        }
        let (rounds, seconds) = (self.writes_quiet.len(), self.seconds);
        writeln!(
            text,
            "\nMedians of {rounds} rounds of {seconds} s with the reads and {rounds} without, by turns, and the least and the most \
             of them. The writes' p50 is {:.2} times what it is without the reads, their p99 {:.2} times.",
            self.write_p50_ratio, self.write_p99_ratio
        )
        .expect("a text takes everything");
        text
    }
}

/// The ratio of the median of these rounds to the median of the others.
pub fn ratio(rounds: &[Figures], others: &[Figures], of: fn(&Figures) -> f64) -> f64 {
    let ([_, median, _], [_, other, _]) = (spread(rounds, of), spread(others, of));
    median / other
}

/// The least, the median and the greatest value of the rounds.
fn spread(rounds: &[Figures], of: fn(&Figures) -> f64) -> [f64; 3] {
    let mut values: Vec<f64> = rounds.iter().map(of).collect();
    values.sort_unstable_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}
