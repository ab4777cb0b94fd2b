//! What a ranker of one's own is trained on: the features of the top of each list, and which items were chosen.

use std::io::Write;

use super::data::Interactions;
use super::error::EvaluateError;
use super::judge::{Request, World};
use crate::catalog::Catalog;

/// Writes the best items of every list of a request's first setting as CSV: the list's number, the person, the item, whether it was chosen
/// (1 or 0), and a column per feature in the order of the alphabet.
///
/// # Errors
///
/// What [`evaluate`](super::evaluate) refuses, and what the writer does.
pub fn write_features(
    catalog: &Catalog,
    data: &Interactions,
    request: &Request,
    out: &mut impl Write,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let world = World::new(catalog, data, request.protocol, request.learn, request.most_people, request.seed)?;
    let cases = world.cases(request);
    let rows = |judge: &mut super::judge::Judge<'_>, case: &super::split::Case| -> Result<_, EvaluateError> {
        let candidates = judge.candidates(case);
        let features = judge.shortlist(case, &candidates)?;
        let chosen = |id: &String| catalog.row(id).is_some_and(|row| case.good.contains(&row));
        let chosen: Vec<bool> = features.ids.iter().map(chosen).collect();
        Ok((data.people[case.person].user.clone(), features, chosen))
    };
    let lists = world.each(&cases, &request.settings, request.jobs, &|_, _| (), rows)?;
    let mut csv = csv::Writer::from_writer(out);
    for (number, (user, features, chosen)) in lists.into_iter().enumerate() {
        if number == 0 {
            let head = ["list", "user", "item", "chosen"].into_iter().chain(features.names.iter().map(String::as_str));
            csv.write_record(head)?;
        }
        for (row, (item, chosen)) in features.ids.iter().zip(chosen).enumerate() {
            let about = [number.to_string(), user.clone(), item.clone(), u8::from(chosen).to_string()];
            csv.write_record(about.into_iter().chain(features.row(row).iter().map(|value| format!("{value:.6}"))))?;
        }
    }
    csv.flush()?;
    Ok(())
}
