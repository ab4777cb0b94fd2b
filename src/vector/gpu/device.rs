//! An adapter, its device and the pipelines.

use std::sync::{Arc, Mutex, PoisonError};

use super::super::Precision;
use super::super::error::{VectorError, VectorErrorKind};
use super::TILE;
use super::answer::GpuOptions;
use super::layout::{QueryForm, TOP_LANES};
use super::shaders::{
    DOTS_FLOAT32, DOTS_INT8_PACKED, DOTS_INT8_UNPACKED, Shader, TOPK_CHOOSE, TOPK_COLLECT, TOPK_COUNT,
};

/// A GPU that can be used: an adapter of WebGPU or Vulkan with a device of its own.
#[derive(Debug)]
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    /// The most bytes of one storage binding.
    pub(super) max_binding_bytes: u64,
    adapter: String,
    software: bool,
    packed: bool,
    times_passes: bool,
    failure: Failure,
}

/// The first thing that went wrong, whoever tells it.
#[derive(Debug, Clone, Default)]
struct Failure(Arc<Mutex<Option<String>>>);

impl Failure {
    fn tell(&self, what: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
    }
}

impl Gpu {
    /// Asks for a GPU.
    ///
    /// # Errors
    /// If there is no adapter, or it gives no device, or lacks what the shaders need.
    pub async fn request(options: GpuOptions) -> Result<Self, VectorError> {
        let refused = |reason: String| VectorError::from(VectorErrorKind::NoGpu { reason });
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::BROWSER_WEBGPU | wgpu::Backends::VULKAN;
        let instance = wgpu::Instance::new(descriptor);
        let adapter = instance
            .request_adapter(&wgpu::RequestAdapterOptions::default())
            .await
            .map_err(|error| refused(format!("no adapter: {error}")))?;
        let (info, found) = (adapter.get_info(), adapter.limits());
        // No more than WebGPU guarantees and no more than there is: what is needed is checked just below.
        let limits = wgpu::Limits::defaults().or_worse_values_from(&found);
        let needs = [
            ("storage buffers", u64::from(limits.max_storage_buffers_per_shader_stage), 5),
            ("invocations a workgroup", u64::from(limits.max_compute_invocations_per_workgroup), TOP_LANES as u64),
            ("bytes of workgroup memory", u64::from(limits.max_compute_workgroup_storage_size), 8 << 10),
            ("workgroups a dimension", u64::from(limits.max_compute_workgroups_per_dimension), 1 << 15),
        ];
        if let Some((what, has, needed)) = needs.into_iter().find(|(_, has, needed)| has < needed) {
            return Err(refused(format!("{} has {has} {what}, {needed} are needed", info.name)));
        }
        let max_binding_bytes =
            [options.max_binding_bytes, limits.max_storage_buffer_binding_size, limits.max_buffer_size]
                .into_iter()
                .fold(u64::MAX, u64::min);
        // Told, not needed: what searches are made of takes how long.
        let features = adapter.features() & wgpu::Features::TIMESTAMP_QUERY;
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor {
                label: Some("homebody"),
                required_features: features,
                required_limits: limits,
                ..wgpu::DeviceDescriptor::default()
            })
            .await
            .map_err(|error| refused(format!("{} gave no device: {error}", info.name)))?;
        let failure = Failure::default();
        let told = failure.clone();
        device.set_device_lost_callback(move |reason, message| {
            told.tell(format!("the device was lost ({reason:?}: {message})"));
        });
        let told = failure.clone();
        device.on_uncaptured_error(Arc::new(move |error| told.tell(format!("the device refused work ({error})"))));
        let packed = options.packed
            && instance.wgsl_language_features().contains(wgpu::WgslLanguageFeatures::Packed4x8IntegerDotProduct);
        let software = info.device_type == wgpu::DeviceType::Cpu;
        let adapter = if info.name.is_empty() { "an unnamed adapter".to_owned() } else { info.name };
        let times_passes = !features.is_empty();
        Ok(Self { device, queue, max_binding_bytes, adapter, software, packed, times_passes, failure })
    }

    /// The adapter's name, as far as the browser tells it.
    pub fn adapter(&self) -> &str {
        &self.adapter
    }

    /// Whether the adapter says that it computes on the CPU. For people: what is used is decided by measuring.
    pub fn is_software(&self) -> bool {
        self.software
    }

    /// Whether int8 products are made with `dot4I8Packed`.
    pub fn is_packed(&self) -> bool {
        self.packed
    }

    /// Whether it tells how long its passes take.
    pub fn times_passes(&self) -> bool {
        self.times_passes
    }

    /// Gives the device up and its memory back.
    pub fn destroy(&self) {
        self.failure.tell("it was given up".into());
        self.device.destroy();
    }

    /// What went wrong, if anything did: nothing that is read afterwards counts.
    pub(super) fn failure(&self) -> Option<String> {
        self.failure.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn query_form(&self, precision: Precision) -> QueryForm {
        match precision {
            Precision::Float32 => QueryForm::Float32,
            Precision::Int8 if self.packed => QueryForm::Split,
            Precision::Int8 => QueryForm::Halves,
        }
    }

    pub(super) fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            // No binding may be empty, and copies go by four bytes.
            size: bytes.max(16).next_multiple_of(4),
            usage,
            mapped_at_creation: false,
        })
    }

    fn layout(&self, label: &str, bindings: &[(u32, wgpu::BufferBindingType)]) -> wgpu::BindGroupLayout {
        let entries: Vec<_> = bindings
            .iter()
            .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
                binding: *binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer { ty: *ty, has_dynamic_offset: false, min_binding_size: None },
                count: None,
            })
            .collect();
        self.device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(label), entries: &entries })
    }

    fn pipeline(
        &self,
        shader: Shader,
        source: &str,
        layout: &wgpu::BindGroupLayout,
        constants: &[(&str, f64)],
    ) -> wgpu::ComputePipeline {
        let label = Some(shader.name);
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label,
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label,
            bind_group_layouts: &[Some(layout)],
            immediate_size: 0,
        });
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label,
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions { constants, ..Default::default() },
            cache: None,
        })
    }
}

const UNIFORM: wgpu::BufferBindingType = wgpu::BufferBindingType::Uniform;
const READ: wgpu::BufferBindingType = wgpu::BufferBindingType::Storage { read_only: true };
const WRITE: wgpu::BufferBindingType = wgpu::BufferBindingType::Storage { read_only: false };

/// Queries that a pipeline is compiled for: a search of 2 takes that of 4, one of 5 that of 8.
pub(super) const QUERY_COUNTS: [usize; 3] = [1, 4, 8];

/// All that is compiled for one precision.
pub(super) struct Pipelines {
    pub(super) dots_layout: wgpu::BindGroupLayout,
    /// One for each of [`QUERY_COUNTS`].
    pub(super) dots: [wgpu::ComputePipeline; 3],
    pub(super) count_layout: wgpu::BindGroupLayout,
    /// One for each level.
    pub(super) count: [wgpu::ComputePipeline; 3],
    pub(super) choose_layout: wgpu::BindGroupLayout,
    pub(super) choose: [wgpu::ComputePipeline; 3],
    pub(super) collect_layout: wgpu::BindGroupLayout,
    pub(super) collect: wgpu::ComputePipeline,
}

impl Pipelines {
    pub(super) fn new(gpu: &Gpu, precision: Precision) -> Self {
        let shader = match gpu.query_form(precision) {
            QueryForm::Split => DOTS_INT8_PACKED,
            QueryForm::Halves => DOTS_INT8_UNPACKED,
            QueryForm::Float32 => DOTS_FLOAT32,
        };
        Self::with_dots(gpu, shader, shader.source)
    }

    /// `source` in the place of the dots shader's: tests break it.
    pub(super) fn with_dots(gpu: &Gpu, shader: Shader, source: &str) -> Self {
        let dots_layout =
            gpu.layout("homebody dots", &[(0, UNIFORM), (1, READ), (2, READ), (3, READ), (4, READ), (5, WRITE)]);
        let dots = QUERY_COUNTS.map(|queries| {
            let constants = [("LANES", TILE as f64), ("QUERIES", queries as f64)];
            gpu.pipeline(shader, source, &dots_layout, &constants)
        });
        let lanes = ("LANES", TOP_LANES as f64);
        let levels = |shader: Shader, layout: &wgpu::BindGroupLayout| {
            [0.0, 1.0, 2.0].map(|level| gpu.pipeline(shader, shader.source, layout, &[lanes, ("LEVEL", level)]))
        };
        let count_layout = gpu.layout("homebody top-k count", &[(0, UNIFORM), (1, READ), (2, WRITE), (3, READ)]);
        let choose_layout = gpu.layout("homebody top-k choose", &[(0, UNIFORM), (2, WRITE), (3, WRITE)]);
        let collect_layout = gpu.layout("homebody top-k collect", &[(0, UNIFORM), (1, READ), (3, READ), (4, WRITE)]);
        Self {
            dots,
            count: levels(TOPK_COUNT, &count_layout),
            choose: levels(TOPK_CHOOSE, &choose_layout),
            collect: gpu.pipeline(TOPK_COLLECT, TOPK_COLLECT.source, &collect_layout, &[lanes]),
            dots_layout,
            count_layout,
            choose_layout,
            collect_layout,
        }
    }
}
