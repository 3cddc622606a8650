use std::collections::BTreeMap;

/// Linux counts a process's time in these parts of a second.
const TICKS_PER_S: f64 = 100.0;

/// Processes and their names in the report.
#[derive(Debug, Clone, Default)]
pub struct Processes(Vec<(&'static str, u32)>);

impl Processes {
    pub fn of(processes: Vec<(&'static str, u32)>) -> Self {
        Self(processes)
    }

    /// These processes and one more.
    pub fn and(&self, name: &'static str, pid: u32) -> Self {
        let mut processes = self.0.clone();
        processes.push((name, pid));
        Self(processes)
    }

    /// The processor's time that each process has used since its start, in ms. The entry `generator` is this process and the load
    /// generators that it has started and that have ended.
    pub fn cpu_ms(&self) -> anyhow::Result<BTreeMap<&'static str, f64>> {
        let mut times = BTreeMap::new();
        for (name, pid) in &self.0 {
            let [own, _] = times_of(&pid.to_string())?;
            times.insert(*name, own);
        }
        let [own, ended_children] = times_of("self")?;
        times.insert("generator", own + ended_children);
        Ok(times)
    }
}

/// The process's own time and that of its children that have ended, in ms.
fn times_of(process: &str) -> anyhow::Result<[f64; 2]> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The program's name is in brackets, and may contain blanks and brackets.
    let (_, behind_name) = stat.rsplit_once(')').ok_or_else(|| anyhow::anyhow!("no name in {stat:?}"))?;
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    // utime, stime, cutime and cstime of proc_pid_stat(5) are its fields 14 to 17; the first field here is its third.
    let ms = |field: usize| -> anyhow::Result<f64> { Ok(fields[field - 3].parse::<f64>()? * 1_000.0 / TICKS_PER_S) };
    Ok([ms(14)? + ms(15)?, ms(16)? + ms(17)?])
}
