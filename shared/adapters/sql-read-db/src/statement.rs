use projection::Cell;

/// A statement's text, with a value for each of its parameters. A parameter is a question mark.
///
/// Every name in a text comes from a declaration, never from a request. Every value from a request is a parameter.
#[derive(Debug, Clone)]
pub struct Statement {
    /// The text.
    pub text: String,
    /// The values, in the order of the parameters.
    pub values: Vec<Cell>,
    /// Whether the same text will be sent again. Then the connection keeps the statement prepared.
    pub is_repeated: bool,
}

impl Statement {
    /// A statement without values so far.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), values: Vec::new(), is_repeated: true }
    }

    /// With the value of the next parameter.
    #[must_use]
    pub fn with(mut self, value: impl Into<Cell>) -> Self {
        self.values.push(value.into());
        self
    }

    /// With the values of the next parameters.
    #[must_use]
    pub fn with_all(mut self, values: impl IntoIterator<Item = Cell>) -> Self {
        self.values.extend(values);
        self
    }

    /// The text is hardly ever sent again.
    #[must_use]
    pub fn once(self) -> Self {
        Self { is_repeated: false, ..self }
    }
}
