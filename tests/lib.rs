//! This library is empty. A package needs a target of its own so that it can have a test binary.
