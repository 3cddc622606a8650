use std::future::Future;
use std::process::Command;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::harness::service_process;

/// A thread with a runtime that stays on one core. Processes that it starts stay there too.
pub struct OnCore {
    runtime: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl OnCore {
    pub fn start(core: usize) -> Self {
        let (telling, told) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let this_thread = std::fs::read_link("/proc/thread-self").expect("Linux tells of its threads");
            pin(&this_thread.file_name().expect("an id").to_string_lossy(), core, &[]);
            let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
            telling.send(runtime.handle().clone()).expect("somebody waits");
            // An error means that the thread that would stop it is gone.
            let _ = runtime.block_on(stopped);
        });
        Self { runtime: told.recv().expect("it starts"), stop: Some(stop), thread: Some(thread) }
    }

    /// Does the work on that core, and waits for it.
    pub fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.begin(work).join().expect("does not panic")
    }

    /// Begins the work on that core.
    pub fn begin<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
        let (telling, told) = std::sync::mpsc::channel();
        self.runtime.spawn(async move { telling.send(work.await) });
        std::thread::spawn(move || told.recv().expect("the work is done"))
    }
}

impl Drop for OnCore {
    fn drop(&mut self) {
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            let _ = stop.send(());
            assert!(thread.join().is_ok() || std::thread::panicking(), "a core's thread panicked");
        }
    }
}

/// Servers, each bound to a core. When this value is dropped, they get their earlier cores back.
pub struct PinnedServers {
    processes_and_cores: Vec<(String, String)>,
}

impl PinnedServers {
    pub fn pin(servers: &[(&str, usize)]) -> Self {
        let processes_and_cores = servers.iter().map(|(server, core)| {
            let process = service_process(server);
            let before = cores_of(&process);
            pin(&process, *core, &["--all-tasks"]);
            (process, before)
        });
        Self { processes_and_cores: processes_and_cores.collect() }
    }
}

impl Drop for PinnedServers {
    fn drop(&mut self) {
        for (process, cores) in &self.processes_and_cores {
            // A failed test may have ended because a server did.
            let _ = taskset(process, cores, &["--all-tasks"]);
        }
    }
}

/// The cores that a task may run on, as Linux lists them.
pub fn cores_of(task: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{task}/status")).expect("Linux tells of its tasks");
    let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    cores.expect("every task has cores").trim().to_owned()
}

fn pin(task: &str, core: usize, options: &[&str]) {
    assert!(taskset(task, &core.to_string(), options), "taskset keeps {task} on core {core}");
}

fn taskset(task: &str, cores: &str, options: &[&str]) -> bool {
    let output = Command::new("taskset").args(options).args(["--cpu-list", "--pid", cores, task]).output();
    output.expect("taskset of util-linux is there").status.success()
}
