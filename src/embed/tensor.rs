//! Numbers out of ONNX tensors, whichever of their many fields they are in.

use super::onnx::TensorProto;

/// The data types of ONNX that weights come in, by their number in the format.
pub(crate) mod data_type {
    pub(crate) const FLOAT: i32 = 1;
    pub(crate) const UINT8: i32 = 2;
    pub(crate) const INT8: i32 = 3;
    pub(crate) const INT32: i32 = 6;
    pub(crate) const INT64: i32 = 7;
    pub(crate) const FLOAT16: i32 = 10;
    pub(crate) const DOUBLE: i32 = 11;
    pub(crate) const BFLOAT16: i32 = 16;
}

use data_type::*;

/// The number of elements that the shape says; `None` for a shape that there cannot be.
pub(crate) fn element_count(tensor: &TensorProto) -> Option<usize> {
    tensor.dims.iter().try_fold(1usize, |count, &dim| count.checked_mul(usize::try_from(dim).ok()?))
}

/// Whether the elements are of a float type.
pub(crate) fn is_float(tensor: &TensorProto) -> bool {
    matches!(tensor.data_type, FLOAT | FLOAT16 | DOUBLE | BFLOAT16)
}

/// The elements as floats, if the tensor holds numbers of any float type, and as many as its shape says.
pub(crate) fn floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    let raw = &tensor.raw_data;
    let values: Vec<f32> = match tensor.data_type {
        FLOAT if raw.is_empty() => tensor.float_data.clone(),
        FLOAT => raw.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        DOUBLE if raw.is_empty() => tensor.double_data.iter().map(|&x| x as f32).collect(),
        DOUBLE => raw.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
        FLOAT16 if raw.is_empty() => tensor.int32_data.iter().map(|&x| half(x as u16)).collect(),
        FLOAT16 => raw.as_chunks::<2>().0.iter().map(|b| half(u16::from_le_bytes(*b))).collect(),
        BFLOAT16 if raw.is_empty() => tensor.int32_data.iter().map(|&x| f32::from_bits((x as u32) << 16)).collect(),
        BFLOAT16 => {
            raw.as_chunks::<2>().0.iter().map(|b| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16)).collect()
        }
        _ => return None,
    };
    (Some(values.len()) == element_count(tensor)).then_some(values)
}

/// Elements of type int8 or uint8 as int8: unsigned ones are moved down by 128, which the second value says (0 or 128).
pub(crate) fn bytes(tensor: &TensorProto) -> Option<(Vec<i8>, i32)> {
    let (offset, flip) = match tensor.data_type {
        INT8 => (0, 0),
        UINT8 => (128, 0x80),
        _ => return None,
    };
    let values: Vec<i8> = if tensor.raw_data.is_empty() {
        tensor.int32_data.iter().map(|&x| (x as u8 ^ flip) as i8).collect()
    } else if flip == 0 {
        // Apart, because it is one copy of megabytes.
        tensor.raw_data.iter().map(|&b| b as i8).collect()
    } else {
        tensor.raw_data.iter().map(|&b| (b ^ flip) as i8).collect()
    };
    (Some(values.len()) == element_count(tensor)).then_some((values, offset))
}

/// The elements as integers, if the tensor holds any of the usual integer types.
pub(crate) fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let raw = &tensor.raw_data;
    let values: Vec<i64> = match tensor.data_type {
        INT64 if raw.is_empty() => tensor.int64_data.clone(),
        INT64 => raw.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect(),
        INT32 | INT8 | UINT8 if raw.is_empty() => tensor.int32_data.iter().map(|&x| i64::from(x)).collect(),
        INT32 => raw.as_chunks::<4>().0.iter().map(|b| i64::from(i32::from_le_bytes(*b))).collect(),
        INT8 => raw.iter().map(|&b| i64::from(b as i8)).collect(),
        UINT8 => raw.iter().map(|&b| i64::from(b)).collect(),
        _ => return None,
    };
    (Some(values.len()) == element_count(tensor)).then_some(values)
}

/// IEEE 754 binary16 to binary32.
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) = (bits >> 15, bits >> 10 & 0x1f, bits & 0x3ff);
    let magnitude = match exponent {
        // Subnormal: the fraction counts units of 2⁻²⁴.
        0 => f32::from(fraction) * 2f32.powi(-24),
        0x1f if fraction == 0 => f32::INFINITY,
        0x1f => f32::NAN,
        _ => f32::from_bits((u32::from(exponent) + 127 - 15) << 23 | u32::from(fraction) << 13),
    };
    if sign == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_read_exactly() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:#06x}");
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn a_tensor_shorter_than_its_shape_is_none() {
        let tensor =
            TensorProto { dims: vec![2, 2], data_type: FLOAT, raw_data: vec![0; 12].into(), ..Default::default() };
        assert_eq!(floats(&tensor), None);
        let tensor =
            TensorProto { dims: vec![3], data_type: UINT8, raw_data: vec![0, 128, 255].into(), ..Default::default() };
        assert_eq!(bytes(&tensor), Some((vec![-128, 0, 127], 128)));
    }
}
