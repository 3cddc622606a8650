use std::time::Duration;

/// The settings of an [`EventSourceMapping`](super::EventSourceMapping). The AWS parameter with the same effect is in
/// parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingSettings {
    /// The function that gets the records (`FunctionName`).
    pub function_name: String,
    /// The consumer group, under which Kafka remembers the finished records (`ConsumerGroupId`).
    pub group_id: String,
    /// The largest number of records in a batch (`BatchSize`).
    pub batch_size: usize,
    /// The time that a batch waits for more records (`MaximumBatchingWindowInSeconds`).
    pub batching_window: Duration,
    /// The number of consumers that share the partitions (`MinimumPollers`). Each invokes the function by itself.
    pub pollers: usize,
    /// The number of times that a failing function gets the same records again before they are given up
    /// (`MaximumRetryAttempts`). Without a number they come again without end. AWS itself sets 10 if there is no number
    /// but a destination for failures.
    pub max_retries: Option<u32>,
    /// The number of times that a record reported as failed is delivered again before it is given up. AWS has one
    /// number for this and for `max_retries`.
    pub max_record_retries: u32,
    /// The greatest age of a record that is still delivered (`MaximumRecordAgeInSeconds`).
    pub max_record_age: Option<Duration>,
    /// Whether a function that failed gets half as many records the next time (`BisectBatchOnFunctionError`).
    pub bisect_batch_on_function_error: bool,
    /// The largest number of bytes in an event: Lambda's limit with a margin.
    pub max_payload_bytes: usize,
    /// The first pause before records are delivered again. Each further pause is twice as long.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// The time that an invocation under way may still take after the mapping is told to stop.
    pub grace: Duration,
}

impl MappingSettings {
    /// Settings for this function and this consumer group, with the usual values for the rest: batches of up to 500
    /// records within 100 ms, one poller, and no end of retries while the function fails.
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
