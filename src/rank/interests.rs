//! Interests for people to look at: the liked items, grouped.
//!
//! Ranking goes by the items themselves (grouping them first was measured to lose 16 to 34 % on films); a person is better
//! shown a few groups. Groups are merged by average linkage as long as the two nearest are more alike than items of this
//! catalog usually are.

use super::column::Background;
use super::hit::{InterestInfo, ReasonItem};
use super::recommender::Recommender;
use super::sum::{RankedRow, best};
use super::term::TermKind;
use super::vectors::{VectorSpace, cosine};
use crate::catalog::Categories;
use crate::profile::Evidence;

/// Two groups are one interest if their mean cosine is this many spreads above that of any two items.
const ALIKE_SPREADS: f64 = 1.5;
/// The most liked items that are grouped, the latest ones: the time grows with the cube.
const MOST_LIKES: usize = 256;
/// How many items of the catalog are shown for an interest.
const NEAREST: usize = 5;
/// How many categories name an interest.
const NAMING: usize = 2;
/// A category tells of an interest if so many of its items have it, and so much more than in the catalog.
const TELLING_SHARE: f64 = 0.5;

/// A group of liked items: their places in the list of likes.
struct Group {
    members: Vec<usize>,
}

/// A liked item with a vector.
struct Member {
    row: usize,
    mass: f64,
    since: i64,
    events: Vec<String>,
    vector: Vec<f32>,
}

impl Recommender {
    /// What the person likes, as groups of liked items, the weightiest first, then what they have muted. Empty without likes or
    /// without a vector space (the catalog's first one is looked at).
    pub fn interests(&self) -> Vec<InterestInfo> {
        let taste = &self.person.whole().taste;
        let mut interests = self.grouped(&taste.likes);
        let mut muted = self.grouped(&taste.muted);
        muted.iter_mut().for_each(|interest| (interest.share, interest.muted) = (0.0, true));
        interests.extend(muted);
        interests
    }

    fn grouped(&self, likes: &[Evidence]) -> Vec<InterestInfo> {
        let Some(space) = self.spaces.first() else { return Vec::new() };
        let members = self.members(space, likes);
        let total: f64 = members.iter().map(|member| member.mass).sum();
        let groups = group(&members, sampled_background(space, self.catalog.len()));
        let centres: Vec<Vec<f32>> = groups.iter().map(|group| centre(group, &members, space.dims())).collect();
        let nearest = self.nearest(space, &centres);
        let with_centre = groups.iter().zip(&centres).zip(nearest);
        let mut infos: Vec<InterestInfo> = with_centre
            .map(|((group, centre), nearest)| self.interest_info(group, &members, centre, nearest, total))
            .collect();
        infos.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.since.cmp(&b.since)));
        infos
    }

    fn members(&self, space: &VectorSpace, likes: &[Evidence]) -> Vec<Member> {
        let mut members = Vec::new();
        let mut vector = vec![0.0; space.dims()];
        for evidence in likes.iter().rev() {
            let Some(row) = self.catalog.row(&evidence.item) else { continue };
            if members.len() < MOST_LIKES && space.centred_into(row, &mut vector) {
                let first = evidence.events.iter().filter_map(|id| self.log().get(id)).map(|event| event.time).min();
                let since = first.unwrap_or(evidence.time);
                let events = evidence.events.clone();
                members.push(Member { row, mass: evidence.mass, since, events, vector: vector.clone() });
            }
        }
        members.reverse();
        members
    }

    fn interest_info(
        &self,
        group: &Group,
        members: &[Member],
        centre: &[f32],
        nearest: Vec<ReasonItem>,
        total: f64,
    ) -> InterestInfo {
        let group: Vec<&Member> = group.members.iter().map(|at| &members[*at]).collect();
        let mass: f64 = group.iter().map(|member| member.mass).sum();
        let mut items: Vec<ReasonItem> = group.iter().map(|member| self.item(member.row, member.mass / mass)).collect();
        items.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.id.cmp(&b.id)));
        let categories = self.telling_categories(&group);
        let label = if categories.is_empty() {
            let central = group.iter().max_by(|a, b| cosine(&a.vector, centre).total_cmp(&cosine(&b.vector, centre)));
            central.map_or_else(String::new, |member| {
                self.title(member.row).unwrap_or_else(|| self.catalog.id(member.row)).to_owned()
            })
        } else {
            categories.iter().take(NAMING).map(String::as_str).collect::<Vec<_>>().join(", ")
        };
        let since = group.iter().map(|member| member.since).min().unwrap_or_default();
        let events = group.iter().flat_map(|member| member.events.iter().cloned()).collect();
        InterestInfo { label, share: mass / total, mass, muted: false, events, items, nearest, categories, since }
    }

    /// For each centre the unseen items nearest to it.
    fn nearest(&self, space: &VectorSpace, centres: &[Vec<f32>]) -> Vec<Vec<ReasonItem>> {
        let queries: Vec<&[f32]> = centres.iter().map(Vec::as_slice).collect();
        let mut nearest = Vec::with_capacity(centres.len());
        space.cosines(&*self.scorer, &queries, |_, cosines| {
            let unseen = self.person.unseen.rows().filter(|row| !cosines[*row].is_nan());
            let rows = best(unseen.map(|row| RankedRow { row, score: cosines[row] }).collect(), NEAREST);
            nearest.push(rows.into_iter().map(|ranked| self.item(ranked.row, ranked.score)).collect());
        });
        nearest
    }

    /// Values of the category spaces that at least half of the group has, by how much more often than the catalog.
    fn telling_categories(&self, group: &[&Member]) -> Vec<String> {
        let mut telling: Vec<(f64, &str)> = Vec::new();
        for term in &self.terms {
            let TermKind::Category { column } = &term.kind else { continue };
            let Some(categories) = self.named(column).and_then(|column| column.categories()) else { continue };
            telling.extend(excess_shares(categories, group, self.catalog.len()));
        }
        telling.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        telling.into_iter().map(|(_, value)| value.to_owned()).collect()
    }
}

/// The mean of a group's vectors by their masses, at unit length.
fn centre(group: &Group, members: &[Member], dims: usize) -> Vec<f32> {
    let mut centre = vec![0.0f32; dims];
    for member in group.members.iter().map(|at| &members[*at]) {
        centre.iter_mut().zip(&member.vector).for_each(|(sum, x)| *sum += member.mass as f32 * x);
    }
    let length = cosine(&centre, &centre).sqrt().max(f64::MIN_POSITIVE);
    centre.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    centre
}

/// Share of the group minus share of the catalog, for the values that tell.
fn excess_shares<'a>(categories: &'a Categories, group: &[&Member], rows: usize) -> Vec<(f64, &'a str)> {
    let total: f64 = group.iter().map(|member| member.mass).sum();
    let mut masses = std::collections::BTreeMap::new();
    for member in group {
        for code in categories.codes(member.row) {
            *masses.entry(*code).or_insert(0.0) += member.mass;
        }
    }
    let excess = |(code, mass): (u32, f64)| {
        let (share, base) = (mass / total, categories.count(code) as f64 / rows as f64);
        (share >= TELLING_SHARE && share > base).then(|| (share - base, categories.value(code)))
    };
    masses.into_iter().filter_map(excess).collect()
}

/// The mean and spread of the cosine of any two items, from a sample spread evenly over the rows.
fn sampled_background(space: &VectorSpace, rows: usize) -> Background {
    /// Some 18,000 pairs: their mean and spread are within a percent or so of those of all pairs.
    const SAMPLE: usize = 192;
    let step = (rows / SAMPLE).max(1);
    let sample = space.centred((0..rows).step_by(step).take(SAMPLE));
    let mut cosines = Vec::with_capacity(sample.len() * sample.len() / 2);
    for (at, (_, a)) in sample.iter().enumerate() {
        cosines.extend(sample[..at].iter().map(|(_, b)| cosine(a, b)));
    }
    Background::of(&cosines)
}

/// Average linkage: the two groups with the greatest mean cosine are merged until none is alike enough.
fn group(members: &[Member], background: Background) -> Vec<Group> {
    let mut groups: Vec<Group> = (0..members.len()).map(|at| Group { members: vec![at] }).collect();
    // Mean cosines between groups, updated on merging (Lance and Williams), so that a merge costs a row, not all pairs.
    let mut alike: Vec<Vec<f64>> =
        members.iter().map(|a| members.iter().map(|b| cosine(&a.vector, &b.vector)).collect()).collect();
    loop {
        let mut nearest: Option<(f64, usize, usize)> = None;
        for (a, row) in alike.iter().enumerate() {
            for (b, value) in row[..a].iter().enumerate() {
                if nearest.is_none_or(|(best, _, _)| *value > best) {
                    nearest = Some((*value, b, a));
                }
            }
        }
        let Some((value, keep, gone)) = nearest else { break };
        if background.spreads(value) < ALIKE_SPREADS {
            break;
        }
        let (m, n) = (groups[keep].members.len() as f64, groups[gone].members.len() as f64);
        let merged: Vec<f64> = alike[keep].iter().zip(&alike[gone]).map(|(a, b)| (m * a + n * b) / (m + n)).collect();
        for (at, value) in merged.iter().enumerate() {
            alike[keep][at] = *value;
            alike[at][keep] = *value;
        }
        alike.remove(gone);
        alike.iter_mut().for_each(|row| {
            row.remove(gone);
        });
        let members = groups.remove(gone).members;
        groups[keep].members.extend(members);
    }
    groups
}
