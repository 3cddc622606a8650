use serde::{Deserialize, Serialize};

/// What makes this machine more like the one that Lambda starts a function on, as far as it lets the user (root may do all of it).
/// Where it does not, the ratios come out too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The stand-in for the Runtime API runs as soon as it is asked, whoever else has work to do. On Lambda it shares no core with
    /// MongoDB and Kafka, which here answer a command's handshakes at the very time of its first request.
    pub is_runtime_api_first: bool,
    /// Memory is free in large pieces, as it is on a machine that has just started. In what a build leaves of it a program lies
    /// page by page, and a start has to fetch each.
    pub is_memory_in_large_pieces: bool,
}

impl Machine {
    /// To be called before the programs are unpacked and before anything is started.
    #[cfg(feature = "services")]
    pub fn prepare() -> Self {
        use std::process::Command;
        // Not inherited by what is started from here: neither functions nor moto.
        let priority = ["--fifo", "--reset-on-fork", "--all-tasks", "--pid", "1", &std::process::id().to_string()];
        let chrt = Command::new("chrt").args(priority).output().expect("chrt of util-linux is there");
        // What is not written yet cannot be let go.
        let sync = Command::new("sync").status().expect("sync of coreutils is there");
        let tell_linux = |file, what| std::fs::write(format!("/proc/sys/vm/{file}"), what).is_ok();
        Self {
            is_runtime_api_first: chrt.status.success(),
            is_memory_in_large_pieces: sync.success()
                && tell_linux("drop_caches", "3")
                && tell_linux("compact_memory", "1"),
        }
    }

    /// What was not to be had, for whoever reads the figures.
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
