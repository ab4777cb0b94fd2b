//! Who computes: the CPU, or a GPU where that is right and faster.
//!
//! [`DeviceIndex`] is an index whose best few are asked for, [`DeviceSet`] a set of rows of which every product is wanted. Both
//! believe a GPU only after it answered a known question on their own vectors, measure it against the CPU unless it was asked
//! for by name, and go on with the CPU when it fails.

mod index;
mod known_answer;
mod products;
mod set;

use super::error::{VectorError, VectorErrorKind};
use super::gpu::{Gpu, GpuOptions, GpuStats, GpuVectors, PassTimes};

pub use index::{DeviceIndex, Search};
pub use set::DeviceSet;

/// What searches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The processor, with the widest instructions that it has.
    Cpu,
    /// A GPU; the CPU only scores its candidates anew.
    Gpu,
}

impl Device {
    /// The name in `status`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Gpu => "gpu",
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// Whichever is measured to be faster.
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU, or an error.
    Gpu,
}

impl DeviceChoice {
    /// The choice of that name.
    ///
    /// # Errors
    /// If there is none; the error lists those there are.
    pub fn from_name(name: &str) -> Result<Self, VectorError> {
        match name {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu),
            _ => Err(VectorErrorKind::UnknownOption {
                option: "device",
                found: name.into(),
                known: &["auto", "cpu", "gpu"],
            }
            .into()),
        }
    }
}

/// How long a search took on each device: the median of a few.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// On the CPU.
    pub cpu_ms: f64,
    /// On the GPU, from the call to the answer.
    pub gpu_ms: f64,
}

impl Measured {
    /// The faster one.
    pub fn faster(self) -> Device {
        if self.gpu_ms < self.cpu_ms { Device::Gpu } else { Device::Cpu }
    }
}

/// What searches, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceStatus {
    /// What searches now.
    pub device: Device,
    /// The GPU's name, once one was found, whether it is used or not.
    pub adapter: Option<String>,
    /// Whether that adapter says that it computes on the CPU.
    pub software: bool,
    /// How the devices compare, if they were measured or the measurement was remembered.
    pub measured: Option<Measured>,
    /// What the GPU was made to do.
    pub stats: GpuStats,
    /// How long the passes of its last search took, where it tells.
    pub pass_times: Option<PassTimes>,
    /// What was decided and what went wrong, in sentences.
    pub notes: Vec<String>,
}

/// Below this many bytes of vectors no GPU is asked for when the choice is left to us: the CPU reads them in half a
/// millisecond, which submitting work and reading the answer back takes alone.
const MIN_GPU_BYTES: usize = 8 << 20;
/// Searches that are timed on each device; the median counts.
const TIMED: usize = 5;

/// What came of asking for a GPU.
enum Asked {
    /// The choice needs none.
    Nothing,
    /// There is one.
    Found(Gpu),
    /// There is none, which the notes have to say.
    Refused(VectorError),
}

/// Asks for a GPU where the choice needs one for so many bytes of vectors.
async fn ask(choice: DeviceChoice, bytes: usize, options: GpuOptions) -> Result<Asked, VectorError> {
    if choice == DeviceChoice::Cpu || (choice == DeviceChoice::Auto && bytes < MIN_GPU_BYTES) {
        return Ok(Asked::Nothing);
    }
    match Gpu::request(options).await {
        Ok(gpu) => Ok(Asked::Found(gpu)),
        Err(error) if choice == DeviceChoice::Gpu => Err(error),
        Err(error) => Ok(Asked::Refused(error)),
    }
}

/// A GPU on its way from being found to being used or let go, and what is told of it.
struct Adapter {
    /// Found and not looked at yet.
    found: Option<Gpu>,
    /// With the vectors on it.
    gpu: Option<GpuVectors>,
    status: DeviceStatus,
}

impl Default for Adapter {
    fn default() -> Self {
        let status = DeviceStatus {
            device: Device::Cpu,
            adapter: None,
            software: false,
            measured: None,
            stats: GpuStats::default(),
            pass_times: None,
            notes: Vec::new(),
        };
        Self { found: None, gpu: None, status }
    }
}

impl Adapter {
    fn status(&self) -> DeviceStatus {
        let stats = self.gpu.as_ref().map_or(self.status.stats, GpuVectors::stats);
        let pass_times = self.gpu.as_ref().map_or(self.status.pass_times, GpuVectors::pass_times);
        DeviceStatus { stats, pass_times, ..self.status.clone() }
    }

    /// Takes what was asked for; the GPU's name if there is one.
    fn take(&mut self, asked: Asked) -> Option<String> {
        match asked {
            Asked::Nothing => None,
            Asked::Found(gpu) => {
                let name = gpu.adapter().to_owned();
                self.status.adapter = Some(name.clone());
                self.status.software = gpu.is_software();
                self.found = Some(gpu);
                Some(name)
            }
            Asked::Refused(error) => {
                self.status.notes.push(format!("The CPU is used: {error}."));
                None
            }
        }
    }

    /// The GPU that was found, unless the choice or what was measured before speaks against trying it.
    fn take_found(&mut self, choice: DeviceChoice, remembered: Option<Measured>) -> Option<Gpu> {
        let gpu = self.found.take()?;
        match (choice, remembered) {
            (DeviceChoice::Cpu, _) => None,
            (DeviceChoice::Auto, Some(measured)) if measured.faster() == Device::Cpu => {
                gpu.destroy();
                self.decide(measured, true);
                None
            }
            _ => Some(gpu),
        }
    }

    /// Takes the faster one.
    fn decide(&mut self, measured: Measured, remembered: bool) {
        let Measured { cpu_ms, gpu_ms } = measured;
        self.status.device = measured.faster();
        let used = if measured.faster() == Device::Gpu { "GPU" } else { "CPU" };
        let adapter = self.status.adapter.as_deref().unwrap_or("the GPU");
        let how = if remembered { "as measured before" } else { "as measured" };
        let note = format!(
            "The {used} is used: a search takes {cpu_ms:.2} ms on the CPU and {gpu_ms:.2} ms on {adapter}, {how}."
        );
        self.status.notes.push(note);
        self.status.measured = Some(measured);
    }

    /// The notes say why the GPU is not used any more.
    fn note_failure(&mut self, reason: &str) {
        let name = self.status.adapter.as_deref().unwrap_or("The GPU");
        let note = format!("The GPU was put aside and the CPU is used: {name}: {reason}.");
        if !self.status.notes.contains(&note) {
            self.status.notes.push(note);
        }
    }

    fn let_go(&mut self) {
        self.status.device = Device::Cpu;
        if let Some(gpu) = self.gpu.take() {
            self.status.stats = gpu.stats();
            self.status.pass_times = gpu.pass_times();
            // The memory now, not whenever the last reference goes.
            gpu.gpu().destroy();
        }
    }
}

/// Vectors that a GPU can be tried with.
trait Tried {
    fn on<T>(&self, work: impl FnOnce(&mut Adapter) -> T) -> T;

    /// Sends the vectors to the GPU, which is then the adapter's.
    fn send(&self, gpu: Gpu) -> Result<(), String>;

    /// Whether the GPU answers a known question.
    async fn check(&self) -> Result<(), String>;

    /// How long both devices take; nothing where there is nothing to measure any more.
    async fn measure(&self, clock: &dyn Fn() -> f64) -> Result<Option<Measured>, String>;

    fn let_go(&self);

    /// The GPU is not used any more, and the notes say why.
    fn put_aside(&self, reason: &str) {
        self.on(|on| on.note_failure(reason));
        self.let_go();
    }
}

/// Decides who computes: the GPU that was found, if it answers rightly and was asked for by name or is the faster one.
async fn choose(
    tried: &impl Tried,
    choice: DeviceChoice,
    remembered: Option<Measured>,
    clock: &dyn Fn() -> f64,
) -> Result<(), VectorError> {
    let Some(gpu) = tried.on(|on| on.take_found(choice, remembered)) else {
        return Ok(());
    };
    let name = gpu.adapter().to_owned();
    let answered = match tried.send(gpu) {
        Ok(()) => tried.check().await,
        Err(reason) => Err(reason),
    };
    if let Err(reason) = answered {
        tried.put_aside(&reason);
        return match choice {
            DeviceChoice::Gpu => Err(VectorErrorKind::NoGpu { reason: format!("{name}: {reason}") }.into()),
            _ => Ok(()),
        };
    }
    if choice == DeviceChoice::Gpu {
        tried.on(|on| on.status.device = Device::Gpu);
        return Ok(());
    }
    let measured = match remembered {
        Some(measured) => Ok(Some(measured)),
        None => tried.measure(clock).await,
    };
    match measured {
        Ok(Some(measured)) => tried.on(|on| on.decide(measured, remembered.is_some())),
        Ok(None) => {}
        Err(reason) => tried.put_aside(&reason),
    }
    if tried.on(|on| on.status.device) == Device::Cpu {
        tried.let_go();
    }
    Ok(())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
