//! The real program as a process, over HTTP.

mod accounts; // the main job
