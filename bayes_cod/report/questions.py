"""The sections of a report on questions: clusters of like difficulty, and the map from some of them to all."""

from __future__ import annotations

from bayes_cod.forecasts.record import Record
from bayes_cod.plots import plot_classes, plot_clusters, plot_subset_map
from bayes_cod.plots.clusters import class_handles, cluster_handles
from bayes_cod.plots.style import single
from bayes_cod.plots.subset import subset_handles
from bayes_cod.report.numbers import number
from bayes_cod.report.section import Cell, Column, Figure, Section, Table
from bayes_cod.report.svg import inline_svg, legend, panel


def map_section(record: Record) -> Section | None:
    """The map from the predictable subset to the full benchmark; None for methods without one."""
    shown = record.explanation.subset_map
    if shown is None:
        return None
    figures = []
    for index, name in enumerate(str(name) for name in shown["benchmark"].values):
        figure, axes = single()
        plot_subset_map(shown, benchmarks=[name], ax=axes)
        figures.append(panel(figure, f"map{index}", f"{name}: score on all questions against that on the subset"))
    text = (
        "What the score of the predictable subset, the questions in clusters that follow the law, says of the score on "
        "all questions. The map only rises, from the floor to one; what it has above or below the diagonal comes from "
        "the other questions."
    )
    return Section(
        "From the predictable subset to all questions",
        text=[text],
        figures=figures,
        legend=legend(subset_handles()),
        folded=True,
    )


def clusters_section(record: Record) -> Section | None:
    """Curves of the clusters of questions; None for methods without clusters."""
    shown = record.explanation
    clusters, curves, seen = shown.clusters, shown.cluster_curves, shown.cluster_observations
    if clusters is None or clusters.empty or curves is None or seen is None:
        return None
    figures = []
    for index, name in enumerate(dict.fromkeys(clusters["benchmark"])):
        figure, axes = single()
        plot_clusters(clusters, curves, seen, benchmarks=[name], ax=axes)
        figures.append(panel(figure, f"cluster{index}", f"{name}: pass rate of every cluster against training compute"))
    text = (
        "Questions of like difficulty vectors share a cluster. Each cluster follows the scaling law, is flat, or is "
        "irregular, with a probability; only those that follow the law count as questions that extrapolate. Curves are "
        "the clusters' latent pass rates, median and 90 % interval; the number beside each is its questions."
    )
    return Section("Clusters of questions", text=[text], figures=figures, legend=legend(cluster_handles()), folded=True)


def classes_section(record: Record) -> Section | None:
    """Class probabilities of every cluster; None for methods without clusters."""
    clusters = record.explanation.clusters
    if clusters is None or clusters.empty:
        return None
    columns = [Column("Cluster"), Column("Questions", True), Column("P(law)", True), Column("P(flat)", True)]
    columns += [Column("P(irregular)", True), Column("Class")]
    rows: list[list[str | Cell]] = []
    groups: dict[int, str] = {}
    for index, row in enumerate(clusters.to_dict("records")):
        if index == 0 or row["benchmark"] != clusters["benchmark"].iloc[index - 1]:
            groups[index] = str(row["benchmark"])
        chances = [number(row[f"p_{kind}"], 2) for kind in ("law", "flat", "irregular")]
        rows.append([str(row["cluster"]), f"{int(row['n_questions']):,}", *chances, str(row["kind"])])
    shares = inline_svg(plot_classes(clusters), "classes", "Share of each benchmark's questions in each class")
    return Section(
        "Clusters one by one",
        table=Table(columns, rows, groups, "Probability that each cluster follows the law, is flat, or is irregular."),
        figures=[Figure(shares, "Expected share of questions in each class.")],
        legend=legend(class_handles()),
        folded=True,
    )
