"""Words of the field as the report explains them where they stand."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

TERMS: dict[str, str] = {
    "ladder": "The models a forecast starts from, ordered by training compute.",
    "rung": "One model of a ladder: evaluated, its compute known.",
    "target": "The model to forecast.",
    "family": "Models trained alike, whose scores lie on one curve.",
    "decade": "A factor of ten in compute. Distances are in decades from the largest rung.",
    "pass rate": "Passes over trials of one question and model.",
    "chance": "The score of a random guesser.",
    "cluster": "Questions of like difficulty vectors.",
    "difficulty vector": "A question's pass rates over the rungs.",
    "predictable subset": "Questions in clusters that extrapolate.",
    "effective compute": "The compute at which the ladder's trend would reach what a model reached.",
    "luck": "A rung's deviation from its nominal compute, in decades of effective compute.",
    "observed score": "What an evaluation will print: luck and finite trials are in it. The default everywhere.",
    "latent score": "The mean behind the observed score.",
    "pool": "Other families' ladders, for methods that learn from them.",
    "cell": "One (ladder, cut, target, benchmark) of a back-test.",
    "skill": "1 − CRPS / CRPS of the best baseline.",
    "recalibration": "Scaling a method's intervals around their medians by what they held in a back-test.",
    "back-test": "Forecasts of models whose scores are known, from smaller ones, held against those scores.",
    "prior": "What the method takes a quantity to be before it sees this ladder.",
    "interval": "With the probability that it names the score lies in it, given the model's assumptions.",
    "median": "The score is as likely above it as below.",
    "CRPS": "Continuous ranked probability score: the error of a whole distribution, in the unit of the score.",
    "R-hat": "Spread of all chains over that within each; 1 where they agree.",
    "effective sample size": "Independent draws that would be worth as much as the correlated ones.",
    "E-BFMI": "How well the sampler moves between energies; below 0.3 it explores badly.",
    "Pareto k": "How heavy the weights' tail is; above 0.7 too few draws carry the result.",
}
"""A word and what it means; `docs/glossary.md` has the same sentences."""

_FORMS = {form: word for word in TERMS for form in (word, f"{word}s", word.capitalize(), f"{word.capitalize()}s")}
_FOUND = re.compile(r"(?<![\w-])(" + "|".join(sorted(map(re.escape, _FORMS), key=len, reverse=True)) + r")(?![\w-])")


class Explained:
    """Puts an explanation on the first use of each word in a page.

    A word becomes a button that opens its explanation, so that mouse, touch, keyboard and screen reader all reach it.
    """

    def __init__(self) -> None:
        self.used: dict[str, str] = {}

    def __call__(self, text: str) -> Markup:
        """Text as HTML, its words explained that were not explained before."""
        parts, end = [], 0
        for match in _FOUND.finditer(text):
            word = _FORMS[match[0]]
            if word in self.used:
                continue
            self.used[word] = TERMS[word]
            parts += [escape(text[end : match.start()]), _button(match[0], word)]
            end = match.end()
        return Markup("").join([*parts, escape(text[end:])])

    @property
    def entries(self) -> list[tuple[str, str, str]]:
        """Words that were used: id, word and meaning."""
        return [(identifier(word), word, meaning) for word, meaning in self.used.items()]


def identifier(word: str) -> str:
    """Id of a word's explanation."""
    return "word-" + re.sub(r"\W+", "-", word.lower())


def _button(shown: str, word: str) -> Markup:
    return Markup('<button type="button" class="word" popovertarget="{}" title="{}">{}</button>').format(
        identifier(word), TERMS[word], shown
    )
