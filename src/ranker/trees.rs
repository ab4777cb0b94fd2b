//! `TreeEnsembleRegressor` of ONNX-ML (version 3 of its operators): what boosted trees are exported as, and what tract lacks.
//!
//! Each tree is walked from its root: at a node the item's feature is compared with the node's value, and at a leaf its weights go to the
//! targets. Sum, mean, least or greatest over the trees, and the base values: <https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleRegressor.html>.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tract_onnx::model::{OnnxOpRegister, ParsingContext};
use tract_onnx::pb;
use tract_onnx::tract_hir::internal::*;

const OPERATOR: &str = "TreeEnsembleRegressor";

/// A ranker gives a number or a few per item; a file that says more of itself is damaged, and would ask for memory without bound.
const MOST_TARGETS: usize = 1024;

/// Teaches tract the operator.
pub(super) fn register(operators: &mut OnnxOpRegister) {
    operators.insert(OPERATOR, |_: &ParsingContext<'_>, node: &pb::NodeProto| {
        let trees = Arc::new(Trees::of(node)?);
        Ok((expand(Placed(trees)), vec![]))
    });
}

/// Trees, node after node.
#[derive(Debug)]
struct Trees {
    nodes: Vec<Node>,
    /// The first node of each tree.
    roots: Vec<usize>,
    targets: usize,
    base: Vec<f32>,
    aggregate: Aggregate,
    logistic: bool,
    /// How many features are looked at.
    features: usize,
}

#[derive(Debug)]
enum Node {
    Branch {
        feature: usize,
        value: f32,
        mode: Mode,
        missing_is_true: bool,
        yes: usize,
        no: usize,
    },
    /// Target and weight.
    Leaf(Vec<(usize, f32)>),
}

#[derive(Debug, Clone, Copy)]
enum Mode {
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Aggregate {
    Sum,
    Mean,
    Least,
    Greatest,
}

/// The attributes of a node, by name.
struct Attributes<'a>(HashMap<&'a str, &'a pb::AttributeProto>);

impl<'a> Attributes<'a> {
    fn ints(&self, name: &str) -> Vec<usize> {
        self.0
            .get(name)
            .map_or_else(Vec::new, |own| own.ints.iter().map(|x| usize::try_from(*x).unwrap_or(usize::MAX)).collect())
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.0.get(name).map_or_else(Vec::new, |own| own.floats.clone())
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).and_then(|own| std::str::from_utf8(&own.s).ok())
    }
}

impl Trees {
    fn of(node: &pb::NodeProto) -> TractResult<Self> {
        let attributes = Attributes(node.attribute.iter().map(|one| (one.name.as_str(), one)).collect());
        let own = |name: &str| attributes.ints(name);
        let (trees, ids, features) = (own("nodes_treeids"), own("nodes_nodeids"), own("nodes_featureids"));
        let (yes, no, missing) =
            (own("nodes_truenodeids"), own("nodes_falsenodeids"), own("nodes_missing_value_tracks_true"));
        let values = attributes.floats("nodes_values");
        let modes: Vec<&[u8]> = attributes
            .0
            .get("nodes_modes")
            .map_or_else(Vec::new, |own| own.strings.iter().map(|mode| &**mode).collect());
        let count = ids.len();
        for (name, len) in [
            ("nodes_treeids", trees.len()),
            ("nodes_featureids", features.len()),
            ("nodes_truenodeids", yes.len()),
            ("nodes_falsenodeids", no.len()),
            ("nodes_values", values.len()),
            ("nodes_modes", modes.len()),
        ] {
            ensure!(len == count && count > 0, "{name} has {len} entries for {count} nodes");
        }
        let places: HashMap<(usize, usize), usize> = (0..count).map(|at| ((trees[at], ids[at]), at)).collect();
        let place = |tree: usize, id: usize| {
            places.get(&(tree, id)).copied().with_context(|| format!("tree {tree} has no node {id}"))
        };
        let mut nodes = Vec::with_capacity(count);
        for at in 0..count {
            let mode = match modes[at] {
                b"LEAF" => {
                    nodes.push(Node::Leaf(Vec::new()));
                    continue;
                }
                b"BRANCH_LEQ" => Mode::LessOrEqual,
                b"BRANCH_LT" => Mode::Less,
                b"BRANCH_GTE" => Mode::GreaterOrEqual,
                b"BRANCH_GT" => Mode::Greater,
                b"BRANCH_EQ" => Mode::Equal,
                b"BRANCH_NEQ" => Mode::NotEqual,
                other => bail!("unknown mode {}", String::from_utf8_lossy(other)),
            };
            let (yes, no) = (place(trees[at], yes[at])?, place(trees[at], no[at])?);
            let missing_is_true = missing.get(at).is_some_and(|missing| *missing != 0);
            nodes.push(Node::Branch { feature: features[at], value: values[at], mode, missing_is_true, yes, no });
        }
        let targets = attributes.0.get("n_targets").map_or(1, |own| own.i);
        let targets = usize::try_from(targets).ok().filter(|targets| (1..=MOST_TARGETS).contains(targets));
        let targets = targets.with_context(|| format!("expected 1 to {MOST_TARGETS} targets"))?;
        let (leaf_trees, leaf_ids, leaf_targets) = (own("target_treeids"), own("target_nodeids"), own("target_ids"));
        let weights = attributes.floats("target_weights");
        ensure!(
            [leaf_trees.len(), leaf_ids.len(), leaf_targets.len()].iter().all(|len| *len == weights.len()),
            "its leaves' attributes differ in length"
        );
        for (at, weight) in weights.into_iter().enumerate() {
            ensure!(leaf_targets[at] < targets, "target {} of {targets}", leaf_targets[at]);
            match &mut nodes[place(leaf_trees[at], leaf_ids[at])?] {
                Node::Leaf(own) => own.push((leaf_targets[at], weight)),
                Node::Branch { .. } => {
                    bail!("node {} of tree {} has a weight and is no leaf", leaf_ids[at], leaf_trees[at])
                }
            }
        }
        let roots = roots(&trees, &nodes);
        check_ends(&nodes, &roots)?;
        let base = attributes.floats("base_values");
        ensure!(base.is_empty() || base.len() == targets, "{} base values for {targets} targets", base.len());
        let aggregate = match attributes.text("aggregate_function").unwrap_or("SUM") {
            "SUM" => Aggregate::Sum,
            "AVERAGE" => Aggregate::Mean,
            "MIN" => Aggregate::Least,
            "MAX" => Aggregate::Greatest,
            other => bail!("unknown aggregate function {other}"),
        };
        let logistic = match attributes.text("post_transform").unwrap_or("NONE") {
            "NONE" => false,
            "LOGISTIC" => true,
            other => bail!("the post transform {other} is not run here, NONE and LOGISTIC are"),
        };
        let used = nodes
            .iter()
            .map(|node| if let Node::Branch { feature, .. } = node { feature.saturating_add(1) } else { 0 });
        let features = used.max().unwrap_or(0);
        Ok(Self { nodes, roots, targets, base, aggregate, logistic, features })
    }

    /// What the trees say of an item, a number per target.
    fn run(&self, item: &[f32], out: &mut [f32]) {
        let start = match self.aggregate {
            Aggregate::Sum | Aggregate::Mean => 0.0,
            Aggregate::Least => f32::INFINITY,
            Aggregate::Greatest => f32::NEG_INFINITY,
        };
        out.fill(start);
        for root in &self.roots {
            let mut at = *root;
            let leaf = loop {
                match &self.nodes[at] {
                    Node::Leaf(leaf) => break leaf,
                    Node::Branch { feature, value, mode, missing_is_true, yes, no } => {
                        let own = item[*feature];
                        at = if mode.holds(own, *value) || (*missing_is_true && own.is_nan()) { *yes } else { *no };
                    }
                }
            };
            for (target, weight) in leaf {
                let sum = &mut out[*target];
                match self.aggregate {
                    Aggregate::Sum | Aggregate::Mean => *sum += weight,
                    Aggregate::Least => *sum = sum.min(*weight),
                    Aggregate::Greatest => *sum = sum.max(*weight),
                }
            }
        }
        for (target, sum) in out.iter_mut().enumerate() {
            if self.aggregate == Aggregate::Mean {
                *sum /= self.roots.len() as f32;
            }
            *sum = if sum.is_finite() { *sum } else { 0.0 } + self.base.get(target).copied().unwrap_or(0.0);
            if self.logistic {
                *sum = 1.0 / (1.0 + (-*sum).exp());
            }
        }
    }
}

/// The node of each tree that no other one leads to; of a tree of one node, that.
fn roots(trees: &[usize], nodes: &[Node]) -> Vec<usize> {
    let mut led_to = vec![false; nodes.len()];
    for node in nodes {
        if let Node::Branch { yes, no, .. } = node {
            (led_to[*yes], led_to[*no]) = (true, true);
        }
    }
    let mut roots: Vec<usize> = (0..nodes.len()).filter(|at| !led_to[*at]).collect();
    roots.sort_by_key(|at| trees[*at]);
    // A node that nothing leads to beside the first is never reached.
    roots.dedup_by_key(|at| trees[*at]);
    roots
}

/// That every way from a root ends, so that a walk does.
fn check_ends(nodes: &[Node], roots: &[usize]) -> TractResult<()> {
    ensure!(!roots.is_empty(), "its trees go round in circles");
    let mut seen = vec![false; nodes.len()];
    let mut open = roots.to_vec();
    while let Some(at) = open.pop() {
        ensure!(!std::mem::replace(&mut seen[at], true), "a node of its trees is led to twice");
        if let Node::Branch { yes, no, .. } = &nodes[at] {
            open.push(*yes);
            if no != yes {
                open.push(*no);
            }
        }
    }
    Ok(())
}

impl Mode {
    fn holds(self, own: f32, value: f32) -> bool {
        match self {
            Self::LessOrEqual => own <= value,
            Self::Less => own < value,
            Self::GreaterOrEqual => own >= value,
            Self::Greater => own > value,
            Self::Equal => own == value,
            Self::NotEqual => own != value,
        }
    }
}

/// The operator while tract still works out shapes.
#[derive(Clone, Debug)]
struct Placed(Arc<Trees>);

impl Expansion for Placed {
    fn name(&self) -> StaticName {
        OPERATOR.into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        solver.equals(&outputs[0].datum_type, f32::datum_type())?;
        solver.equals(&inputs[0].rank, 2)?;
        solver.equals(&outputs[0].rank, 2)?;
        solver.equals(&outputs[0].shape[0], &inputs[0].shape[0])?;
        solver.equals(&outputs[0].shape[1], self.0.targets.to_dim())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        let features = &model.outlet_fact(inputs[0])?.shape[1];
        let enough = features.to_usize().is_ok_and(|features| features >= self.0.features);
        ensure!(enough, "its trees look at {} features, described are {features}", self.0.features);
        model.wire_node(prefix, TreesOp(self.0.clone()), inputs)
    }
}

#[derive(Clone)]
struct TreesOp(Arc<Trees>);

impl fmt::Debug for TreesOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{OPERATOR} of {} trees", self.0.roots.len())
    }
}

impl PartialEq for TreesOp {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TreesOp {}

impl Op for TreesOp {
    fn name(&self) -> StaticName {
        OPERATOR.into()
    }

    op_as_typed_op!();
}

impl TypedOp for TreesOp {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(tvec!(f32::fact(&[inputs[0].shape[0].clone(), self.0.targets.to_dim()])))
    }

    as_op!();
}

impl EvalOp for TreesOp {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let values = inputs[0].cast_to::<f32>()?;
        let view = values.to_plain_array_view::<f32>()?;
        let view = view.as_standard_layout();
        let (items, features) = (inputs[0].shape()[0], inputs[0].shape()[1]);
        let values = view.as_slice().context("a standard layout is a slice")?;
        let mut out = vec![0f32; items * self.0.targets];
        for (item, out) in values.chunks_exact(features).zip(out.chunks_exact_mut(self.0.targets)) {
            self.0.run(item, out);
        }
        Ok(tvec!(Tensor::from_shape(&[items, self.0.targets], &out)?.into_tvalue()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One tree: the item's feature `feature` up to 0.5 or not, to one of `targets` targets.
    fn stump(feature: i64, targets: i64) -> pb::NodeProto {
        let attribute = |name: &str| pb::AttributeProto { name: name.into(), ..Default::default() };
        let ints = |name: &str, ints: &[i64]| pb::AttributeProto { ints: ints.to_vec(), ..attribute(name) };
        let floats = |name: &str, floats: &[f32]| pb::AttributeProto { floats: floats.to_vec(), ..attribute(name) };
        let modes = ["BRANCH_LEQ", "LEAF", "LEAF"].map(|mode| mode.as_bytes().to_vec()).to_vec();
        pb::NodeProto {
            op_type: OPERATOR.into(),
            attribute: vec![
                ints("nodes_treeids", &[0, 0, 0]),
                ints("nodes_nodeids", &[0, 1, 2]),
                ints("nodes_featureids", &[feature, 0, 0]),
                ints("nodes_truenodeids", &[1, 0, 0]),
                ints("nodes_falsenodeids", &[2, 0, 0]),
                floats("nodes_values", &[0.5, 0.0, 0.0]),
                pb::AttributeProto { strings: modes, ..attribute("nodes_modes") },
                pb::AttributeProto { i: targets, ..attribute("n_targets") },
                ints("target_treeids", &[0, 0]),
                ints("target_nodeids", &[1, 2]),
                ints("target_ids", &[0, 0]),
                floats("target_weights", &[1.0, 2.0]),
            ],
            ..Default::default()
        }
    }

    #[test]
    fn a_tree_is_walked_to_its_leaf() {
        let trees = Trees::of(&stump(1, 1)).unwrap();
        assert_eq!((trees.features, trees.targets), (2, 1));
        let mut out = [0.0];
        for (own, expected) in [(0.5, 1.0), (0.6, 2.0), (f32::NAN, 2.0)] {
            trees.run(&[9.0, own], &mut out);
            assert_eq!(out, [expected], "{own}");
        }
    }

    #[test]
    fn a_damaged_file_asks_for_no_feature_and_no_memory_that_cannot_be() {
        // A place that no item has: told as more features than there are, when the graph is laid out.
        assert_eq!(Trees::of(&stump(-1, 1)).unwrap().features, usize::MAX);
        for targets in [0, -1, 1025, i64::MAX] {
            let error = Trees::of(&stump(0, targets)).unwrap_err();
            assert!(error.to_string().contains("1 to 1024 targets"), "{targets}: {error}");
        }
    }
}
