//! Nothing: a package needs a target of its own for its test binary to hang on.
