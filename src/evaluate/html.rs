//! A report as one HTML page: no script, no network, light and dark as the reader's system wants it.
//!
//! Every figure of the JSON report is in the page: rounded in tables and plots, and whole in a block of JSON at its end.

use std::fmt::Write;

use super::data::DataReport;
use super::plot::{Bar, Curve, Ink, LINES, bars, curves, differences};
use super::report::{GroupReport, Report, SystemReport};
use super::statistics::Estimate;

const STYLE: &str = include_str!("report.css");
/// The metrics of the table, and what their columns are called.
const METRICS: [&str; 7] = ["ndcg@10", "ndcg@20", "hit_rate@10", "hit_rate@20", "recall@10", "recall@20", "mrr"];
const BEYOND: [&str; 5] = ["coverage", "diversity", "novelty", "popularity_bias", "miscalibration"];

/// What a page is about.
#[derive(Debug, Clone, Copy)]
pub struct PageAbout<'a> {
    /// The catalog's name.
    pub catalog: &'a str,
    /// Where the interactions came from.
    pub interactions: &'a str,
    /// How many of the systems are settings that were asked for; the others are baselines.
    pub settings: usize,
}

/// The page. The same reports give the same bytes.
pub fn to_html(reports: &[Report], about: PageAbout) -> String {
    let mut page = String::new();
    let title = format!("{}: how good is the ranking?", about.catalog);
    let out = &mut page;
    // Nothing is loaded, whatever a name in the report may contain.
    put(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    put(
        out,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
    );
    put(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    put(out, "<meta name=\"color-scheme\" content=\"light dark\">\n");
    put(out, &format!("<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n", escaped(&title)));
    put(out, &format!("<h1>{}</h1>\n", escaped(&title)));
    if let Some(first) = reports.first() {
        put(out, &data_paragraph(&first.data, about.interactions, first.seed));
    }
    put(out, &comparison(reports));
    for report in reports {
        put(out, &protocol(report, about.settings));
    }
    put(out, "<details>\n<summary>What the figures mean</summary>\n");
    put(out, include_str!("report_terms.html"));
    put(out, "</details>\n</main>\n");
    // Within a script element only `</` could end it early.
    let json = serde_json::to_string(reports).expect("figures can be written as JSON").replace("</", "<\\/");
    put(out, &format!("<script type=\"application/json\" id=\"report\">{json}</script>\n</body>\n</html>\n"));
    page
}

fn put(out: &mut String, text: &str) {
    out.push_str(text);
}

fn data_paragraph(data: &DataReport, name: &str, seed: u64) -> String {
    let mut text = format!(
        "<p>{} interactions of {} people with {} items, from <code>{}</code>; seed {seed}. Every list ranks all items that a \
         page would recommend.",
        data.used,
        data.users,
        data.items,
        escaped(name)
    );
    let left_out: Vec<String> = [
        (data.bad_lines, "that could not be read"),
        (data.unknown_items, "about unknown items"),
        (data.unknown_types, "of unknown types"),
        (data.duplicates, "that say again what another says"),
        (data.future, "from the future"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if !left_out.is_empty() {
        let _ = write!(text, " Left out are lines: {}.", left_out.join(", "));
    }
    text + "</p>\n"
}

/// The second setting against the first, in all protocols.
fn comparison(reports: &[Report]) -> String {
    let mut rows = Vec::new();
    let mut names = None;
    for report in reports {
        for group in &report.groups {
            let (Some(found), [first, second, ..]) = (&group.comparison, group.systems.as_slice()) else { continue };
            names = Some((first.name.as_str(), second.name.as_str()));
            rows.push((title_of(report, group), found));
        }
    }
    let Some((first, second)) = names else { return String::new() };
    let drawn: Vec<Bar> = rows
        .iter()
        .map(|(name, found)| Bar {
            name,
            value: found.difference,
            label: format!("{:+.4}, p {:.4}", found.difference.mean, found.p_value),
            own: found.difference.low > 0.0 || found.difference.high < 0.0,
        })
        .collect();
    let title = format!("{second} − {first}: difference of NDCG@10 with its 95 % interval");
    let mut text = format!("<section>\n<h2>{} against {}</h2>\n", escaped(second), escaped(first));
    put(&mut text, &figure(&title, &differences(&title, &drawn)));
    put(&mut text, "<div class=\"wide\"><table class=\"comparison\">\n<thead><tr><th>protocol</th><th>NDCG@10</th>");
    put(&mut text, "<th>95 %</th><th>p</th></tr></thead>\n<tbody>\n");
    for (name, found) in &rows {
        let Estimate { mean, low, high } = found.difference;
        let _ = writeln!(
            text,
            "<tr><th>{}</th><td>{mean:+.4}</td><td>{low:+.4} to {high:+.4}</td><td>{:.4}</td></tr>",
            escaped(name),
            found.p_value
        );
    }
    text + "</tbody></table></div>\n</section>\n"
}

fn protocol(report: &Report, settings: usize) -> String {
    let mut text = format!("<section id=\"{0}\">\n<h2>{0}</h2>\n", report.protocol);
    if report.groups.len() > 1 {
        put(&mut text, &cold_start(report, settings));
    }
    for group in &report.groups {
        if group.known.is_some() {
            let _ = writeln!(text, "<h3>{}</h3>", escaped(&title_of(report, group)));
        }
        let _ = writeln!(
            text,
            "<p>{} lists of {} people, of each system.</p>\n<div class=\"plots\">",
            group.lists, group.people
        );
        for metric in &METRICS[..2] {
            let title = format!("{}: {} with its 95 % interval", title_of(report, group), metric.to_uppercase());
            let drawn: Vec<Bar> = group
                .systems
                .iter()
                .enumerate()
                .map(|(number, system)| Bar {
                    name: &system.name,
                    value: system.metrics[*metric],
                    label: format!("{:.4}", system.metrics[*metric].mean),
                    own: number < settings,
                })
                .collect();
            put(&mut text, &figure(&title, &bars(&title, &drawn)));
        }
        put(&mut text, "</div>\n");
        put(&mut text, &table(group, settings));
    }
    text + "</section>\n"
}

fn title_of(report: &Report, group: &GroupReport) -> String {
    match group.known {
        Some(1) => format!("{}, 1 event", report.protocol),
        Some(known) => format!("{}, {known} events", report.protocol),
        None => report.protocol.to_owned(),
    }
}

/// How each system fares as more becomes known of a person.
fn cold_start(report: &Report, settings: usize) -> String {
    let systems = report.groups.first().map_or(&[][..], |group| &group.systems);
    let curve = |number: usize| {
        let point = |group: &GroupReport| {
            Some((group.known? as f64, group.systems.get(number)?.metrics.get(METRICS[0]).copied()?))
        };
        Curve { points: report.groups.iter().filter_map(point).collect(), own: number < settings }
    };
    let drawn: Vec<Curve> = (0..systems.len()).map(curve).collect();
    let title = format!("{}: NDCG@10 by the number of events known", report.protocol);
    let mut legend = String::from("<ul class=\"legend\">\n");
    for (number, system) in systems.iter().enumerate() {
        let ink = Ink::Line(number as u8 % LINES).name();
        let _ = writeln!(legend, "<li><i style=\"background: var(--{ink})\"></i>{}</li>", escaped(&system.name));
    }
    legend.push_str("</ul>\n");
    figure(&title, &(curves(&title, "events known", &drawn) + "\n" + &legend))
}

fn table(group: &GroupReport, settings: usize) -> String {
    let mut text = String::from("<div class=\"wide\"><table class=\"figures\">\n<thead><tr><th></th>");
    for name in METRICS.iter().chain(&BEYOND) {
        let _ = write!(text, "<th>{}</th>", heading(name));
    }
    put(&mut text, "</tr></thead>\n<tbody>\n");
    for (number, system) in group.systems.iter().enumerate() {
        let class = if number < settings { " class=\"own\"" } else { "" };
        let _ = write!(text, "<tr{class}><th>{}</th>", escaped(&system.name));
        put(&mut text, &cells(system));
        put(&mut text, "</tr>\n");
    }
    text + "</tbody></table></div>\n"
}

fn cells(system: &SystemReport) -> String {
    let mut text = String::new();
    for name in METRICS {
        let Estimate { mean, low, high } = system.metrics[name];
        let _ = write!(text, "<td>{mean:.4}<small>{low:.4}–{high:.4}</small></td>");
    }
    for name in BEYOND {
        let value = system.beyond.get(name).map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
        let _ = write!(text, "<td>{value}</td>");
    }
    text
}

fn heading(name: &str) -> String {
    match name {
        "hit_rate@10" => "HR@10".to_owned(),
        "hit_rate@20" => "HR@20".to_owned(),
        "mrr" | "ndcg@10" | "ndcg@20" => name.to_uppercase(),
        other => other.replace('_', " "),
    }
}

fn figure(title: &str, content: &str) -> String {
    format!("<figure>\n<figcaption>{}</figcaption>\n{content}\n</figure>\n", escaped(title))
}

/// Text that is not markup.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}
