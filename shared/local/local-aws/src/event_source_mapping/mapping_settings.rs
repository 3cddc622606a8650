use std::time::Duration;

/// How an [`EventSourceMapping`](super::EventSourceMapping) delivers. The parameter of AWS that does the same is in parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingSettings {
    /// The function that gets the records (`FunctionName`).
    pub function_name: String,
    /// The consumer group, under which Kafka remembers what is done (`ConsumerGroupId`).
    pub group_id: String,
    /// How many records a batch has at most (`BatchSize`).
    pub batch_size: usize,
    /// How long a batch waits for more records (`MaximumBatchingWindowInSeconds`).
    pub batching_window: Duration,
    /// How many consumers share the partitions (`MinimumPollers`). Each invokes the function by itself.
    pub pollers: usize,
    /// How often a function that errs gets the same records again before they are given up (`MaximumRetryAttempts`). Without a
    /// number they come again without an end. AWS itself sets 10 where there is no number but a place for failures.
    pub max_retries: Option<u32>,
    /// How often a record that the function reports as failed is delivered again before it is given up. AWS has one number for
    /// this and for `max_retries`.
    pub max_record_retries: u32,
    /// How old a record may be and still be delivered (`MaximumRecordAgeInSeconds`).
    pub max_record_age: Option<Duration>,
    /// Whether a function that errs gets half as many records the next time (`BisectBatchOnFunctionError`).
    pub bisect_batch_on_function_error: bool,
    /// How many bytes an event has at most: Lambda's limit with a margin.
    pub max_payload_bytes: usize,
    /// The first pause before records are delivered again. Each further pause is twice as long.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How long an invocation under way may still take once the mapping is to stop.
    pub grace: Duration,
}

impl MappingSettings {
    /// Brings records to this function under this consumer group, with what is usual for the rest: batches of up to 500 records
    /// within 100 ms, one poller, and no end of retries while the function errs.
    #[must_use]
    pub fn new(function_name: impl Into<String>, group_id: impl Into<String>) -> Self {
        Self {
            function_name: function_name.into(),
            group_id: group_id.into(),
            batch_size: 500,
            batching_window: Duration::from_millis(100),
            pollers: 1,
            max_retries: None,
            max_record_retries: 2,
            max_record_age: None,
            bisect_batch_on_function_error: true,
            max_payload_bytes: 6_000_000,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
            grace: Duration::from_secs(10),
        }
    }
}
