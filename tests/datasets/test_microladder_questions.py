"""Questions, answers and training text of the micro ladder."""

import re
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from bayes_cod.datasets.microladder.training import questions as micro

NAMES = [task.name for task in micro.TASKS]
BY_NAME = {task.name: task for task in micro.TASKS}
ALPHABET = "abcdefghijkl"


def add(prompt: str) -> str:
    first, second = prompt[:-1].split("+")
    return str(int(first) + int(second))


def subtract(prompt: str) -> str:
    first, second = prompt[:-1].split("-")
    assert int(first) >= int(second)
    return str(int(first) - int(second))


def multiply(prompt: str) -> str:
    first, second = prompt[:-1].split("*")
    return str(int(first) * int(second))


def largest(prompt: str) -> str:
    values = {option: int(value) for option, value in re.findall(r"([A-D])(\d+)", prompt)}
    ranked = sorted(values, key=lambda option: values[option])
    assert len(ranked) == 4 and values[ranked[-1]] > values[ranked[-2]]
    return ranked[-1]


def body(prompt: str) -> str:
    return prompt[2:-1]


def count(prompt: str) -> str:
    letter, text = prompt[1], prompt[3:-1]
    return str(len(re.findall(letter, text)))


def caesar(prompt: str) -> str:
    table = ALPHABET * 2
    return "".join(table[table.index(letter) + int(prompt[1])] for letter in prompt[3:-1])


def member(prompt: str) -> str:
    text, letter = prompt[:-1].split(":")
    return "T" if letter in set(text) else "F"


def boolean(prompt: str) -> str:
    """Rewrite the expression until one constant is left."""
    text = prompt[:-1]
    rules = {"!T": "F", "!F": "T", "(T&T)": "T", "(T&F)": "F", "(F&T)": "F", "(F&F)": "F"}
    rules |= {"(T|T)": "T", "(T|F)": "T", "(F|T)": "T", "(F|F)": "F"}
    while len(text) > 1:
        for pattern, value in rules.items():
            text = text.replace(pattern, value)
    return text


def brackets(prompt: str) -> str:
    text = body(prompt)
    while (shorter := text.replace("()", "").replace("<>", "")) != text:
        text = shorter
    return "F" if text else "T"


def sequence(prompt: str) -> str:
    first, second, third = map(int, body(prompt).split(","))
    assert second - first == third - second > 0
    return str(2 * third - second)


def parity(prompt: str) -> str:
    return "T" if sum(map(int, body(prompt))) % 2 else "F"


SOLVERS: dict[str, Callable[[str], str]] = {
    "add_short": add,
    "add_long": add,
    "subtract": subtract,
    "multiply": multiply,
    "largest": largest,
    "last": lambda prompt: body(prompt)[-1],
    "reverse": lambda prompt: "".join(reversed(body(prompt))),
    "sort": lambda prompt: "".join(letter * body(prompt).count(letter) for letter in ALPHABET),
    "count": count,
    "caesar": caesar,
    "member": member,
    "boolean": boolean,
    "brackets": brackets,
    "sequence": sequence,
    "parity": parity,
}


def test_every_domain_has_five_benchmarks() -> None:
    assert Counter(task.domain for task in micro.TASKS) == dict.fromkeys(micro.DOMAINS, 5)
    assert len(set(NAMES)) == 15


@pytest.mark.parametrize("name", NAMES)
def test_answers_agree_with_an_independent_solver(name: str) -> None:
    for question in micro.benchmarks()[name]:
        assert question.answer == SOLVERS[name](question.prompt), question


@pytest.mark.parametrize("name", NAMES)
def test_benchmark_has_400_distinct_questions_spread_over_its_levels(name: str) -> None:
    asked = micro.benchmarks()[name]
    assert len({question.prompt for question in asked}) == 400
    assert len({question.question_id for question in asked}) == 400
    levels = Counter(question.level for question in asked)
    assert set(levels) == set(BY_NAME[name].levels)
    assert len(set(levels.values())) == 1


@pytest.mark.parametrize("name", [task.name for task in micro.TASKS if task.choices])
def test_choices_are_right_equally_often_in_every_level(name: str) -> None:
    task = BY_NAME[name]
    pairs = Counter((question.level, question.answer) for question in micro.benchmarks()[name])
    assert set(pairs) == {(level, choice) for level in task.levels for choice in task.choices}
    assert len(set(pairs.values())) == 1
    assert task.chance == pytest.approx(1 / len(task.choices))


@pytest.mark.parametrize("task", micro.TASKS, ids=NAMES)
def test_benchmark_is_fixed_by_its_seed(task: micro.Task) -> None:
    assert micro.make_benchmark(task) == micro.benchmarks()[task.name]
    assert micro.make_benchmark(task, seed=1) != micro.benchmarks()[task.name]


@pytest.mark.parametrize("domain", micro.DOMAINS)
def test_training_lines_hold_no_benchmark_prompt(domain: str) -> None:
    rng = Random(3)
    prompts = {micro.draw_line(rng, domain).rpartition("=")[0] + "=" for _ in range(30_000)}
    assert len(prompts) > 10_000
    assert not prompts & micro.held_out_prompts()


@pytest.mark.parametrize("task", micro.TASKS, ids=NAMES)
def test_training_lines_of_every_level_are_right(task: micro.Task) -> None:
    rng = Random(5)
    for level in task.practice + task.levels:
        for _ in range(50):
            prompt, answer = task.make(rng, level)
            assert answer == SOLVERS[task.name](prompt)


def test_no_prompt_is_asked_by_two_benchmarks() -> None:
    assert len(micro.held_out_prompts()) == 400 * len(NAMES)


def test_same_seed_draws_the_same_lines() -> None:
    first, second = Random("a"), Random("a")
    for domain in micro.DOMAINS:
        assert [micro.draw_line(first, domain) for _ in range(20)] == [
            micro.draw_line(second, domain) for _ in range(20)
        ]


def test_grade_takes_the_whole_line_only() -> None:
    question = micro.Question("add_short", "add_short-000", "12+45=", "57", 1)
    assert micro.grade(question, "57\n")
    assert micro.grade(question, "57\n1+1=2\n")
    assert not micro.grade(question, "57")
    assert not micro.grade(question, "572\n")
    assert not micro.grade(question, "5\n")
