//! The shaders' texts.

/// One kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shader {
    pub(super) name: &'static str,
    pub(super) source: &'static str,
}

macro_rules! shader {
    ($name:literal) => {
        Shader { name: $name, source: include_str!(concat!("../../../shaders/", $name, ".wgsl")) }
    };
}

pub(super) const DOTS_INT8_PACKED: Shader = shader!("dots_int8_packed");
pub(super) const DOTS_INT8_UNPACKED: Shader = shader!("dots_int8_unpacked");
pub(super) const DOTS_FLOAT32: Shader = shader!("dots_float32");
pub(super) const TOPK_COUNT: Shader = shader!("topk_count");
pub(super) const TOPK_CHOOSE: Shader = shader!("topk_choose");
pub(super) const TOPK_COLLECT: Shader = shader!("topk_collect");

#[cfg(test)]
mod tests {
    use super::*;
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    const ALL: [Shader; 6] =
        [DOTS_INT8_PACKED, DOTS_INT8_UNPACKED, DOTS_FLOAT32, TOPK_COUNT, TOPK_CHOOSE, TOPK_COLLECT];

    /// Without a GPU: the text parses, is valid, and has the one entry point that the host calls.
    #[test]
    fn every_shader_is_valid() {
        for Shader { name, source } in ALL {
            let module = naga::front::wgsl::parse_str(source)
                .unwrap_or_else(|error| panic!("{name}: {}", error.emit_to_string(source)));
            let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
                .validate(&module)
                .unwrap_or_else(|error| panic!("{name}: {error:?}"));
            // With its constants, too: what is folded differently for each may be invalid for one.
            for level in [0.0, 1.0, 2.0] {
                let constants = ["LANES", "LEVEL", "QUERIES"]
                    .into_iter()
                    .filter(|name| module.overrides.iter().any(|(_, constant)| constant.name.as_deref() == Some(*name)))
                    .map(|name| (name.to_owned(), if name == "LEVEL" { level } else { 64.0 }))
                    .collect();
                naga::back::pipeline_constants::process_overrides(&module, &info, None, &constants)
                    .unwrap_or_else(|error| panic!("{name}, level {level}: {error:?}"));
            }
            let names: Vec<_> = module.entry_points.iter().map(|entry| &entry.name[..]).collect();
            assert_eq!(names, ["main"], "{name}");
        }
    }

    /// Uniform and record sizes as the host writes them.
    #[test]
    fn structs_have_the_size_that_the_host_writes() {
        for Shader { name, source } in ALL {
            let module = naga::front::wgsl::parse_str(source).unwrap();
            let size = |wanted: &str| {
                module.types.iter().find(|(_, ty)| ty.name.as_deref() == Some(wanted)).map(|(_, ty)| {
                    let naga::TypeInner::Struct { span, .. } = &ty.inner else { panic!("{wanted} is no struct") };
                    *span as usize
                })
            };
            let params = match name.starts_with("dots") {
                true => size_of::<super::super::layout::DotParams>(),
                false => size_of::<super::super::layout::TopParams>(),
            };
            assert_eq!(size("Params"), Some(params), "{name}");
            assert!(size("State").is_none_or(|state| state == super::super::layout::STATE_BYTES), "{name}");
        }
    }

    /// A binding that the head does not list is one that nobody will find.
    #[test]
    fn heads_list_all_bindings() {
        for Shader { name, source } in ALL {
            for at in 0..6 {
                let declared = source.contains(&format!("@binding({at})"));
                assert_eq!(source.contains(&format!("// binding {at} ")), declared, "{name}: binding {at}");
            }
            assert!(source.starts_with("// ") && source.contains("// workgroup ") && source.contains("// dispatch "));
        }
    }
}
