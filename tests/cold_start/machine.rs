use serde::{Deserialize, Serialize};

/// The properties that make this machine more like the machine on which Lambda starts a function. The user must be allowed to
/// set them; root may set all. Without them the ratios come out too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The stand-in for the Runtime API runs as soon as it is asked, before all other processes. On Lambda it shares no core
    /// with MongoDB and Kafka. Here they answer a command's handshakes at the moment of its first request.
    pub is_runtime_api_first: bool,
    /// Memory is free in large pieces, as it is on a machine that has just started. In the memory that a build leaves, a
    /// program lies page by page, and a start has to fetch each page.
    pub is_memory_in_large_pieces: bool,
}

impl Machine {
    /// Sets the properties. Call it before the programs are unpacked and before any process is started.
    #[cfg(feature = "services")]
    pub fn prepare() -> Self {
        use std::process::Command;
        // Processes that are started from here do not inherit the priority: neither functions nor moto.
        let priority = ["--fifo", "--reset-on-fork", "--all-tasks", "--pid", "1", &std::process::id().to_string()];
        let chrt = Command::new("chrt").args(priority).output().expect("chrt of util-linux is there");
        // Pages that are not written to disk yet cannot be released.
        let sync = Command::new("sync").status().expect("sync of coreutils is there");
        let tell_linux = |file, what| std::fs::write(format!("/proc/sys/vm/{file}"), what).is_ok();
        Self {
            is_runtime_api_first: chrt.status.success(),
            is_memory_in_large_pieces: sync.success()
                && tell_linux("drop_caches", "3")
                && tell_linux("compact_memory", "1"),
        }
    }

    /// A sentence on the properties that could not be set, for readers of the figures.
    pub fn caveat(self) -> String {
        let missing = [
            (self.is_runtime_api_first, "a real-time priority for the Runtime API's stand-in"),
            (self.is_memory_in_large_pieces, "memory in large pieces"),
        ];
        let missing: Vec<&str> = missing.into_iter().filter(|(is_there, _)| !is_there).map(|(_, what)| what).collect();
        if missing.is_empty() {
            return String::new();
        }
        format!(" Not to be had here, so that the ratios are too large: {}.", missing.join(", "))
    }
}
