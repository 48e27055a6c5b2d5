"""Tasks, benchmark questions and grader of the micro ladder.

Every task makes lines of a prompt, its answer and a newline. A benchmark is a fixed set of
400 questions of one task, spread evenly over the task's difficulty levels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random

DOMAINS = ("arithmetic", "strings", "logic")
QUESTIONS_PER_BENCHMARK = 400
BENCHMARK_SEED = 20_240_229
LETTERS = "abcdefghijkl"
END_OF_LINE = "\n"
TRUTH = ("T", "F")
OPTIONS = ("A", "B", "C", "D")

Maker = Callable[[Random, int], tuple[str, str]]


@dataclass(frozen=True)
class Question:
    """One question of a benchmark.

    Parameters
    ----------
    benchmark, question_id : str
        Name of the benchmark and of the question within it.
    prompt, answer : str
        Text shown to the model and the only right continuation of the line.
    level : int
        Difficulty level; larger is harder.
    """

    benchmark: str
    question_id: str
    prompt: str
    answer: str
    level: int


@dataclass(frozen=True)
class Task:
    """A family of lines and the benchmark made of it.

    Parameters
    ----------
    name, domain, description : str
        Name of the benchmark, its data domain and what it asks.
    make : callable
        ``make(rng, level)`` returns one ``(prompt, answer)``.
    levels : tuple of int
        Difficulty levels of the benchmark.
    practice : tuple of int
        Easier levels that occur in training text alone: their prompts are too
        few to keep 400 of them out of the text.
    choices : tuple of str
        All possible answers of a true/false or multiple-choice task, else empty.
    """

    name: str
    domain: str
    description: str
    make: Maker
    levels: tuple[int, ...]
    practice: tuple[int, ...] = ()
    choices: tuple[str, ...] = ()

    @property
    def chance(self) -> float:
        """Score of a blind guess among the possible answers."""
        return 1 / len(self.choices) if self.choices else 0.0


def grade(question: Question, continuation: str) -> bool:
    """Whether a sampled continuation of the prompt gives the right answer."""
    return continuation.startswith(question.answer + END_OF_LINE)


def number(rng: Random, digits: int) -> int:
    """Draw a number of exactly this many digits (no leading zero beyond one digit)."""
    return rng.randrange(10 ** (digits - 1) if digits > 1 else 0, 10**digits)


def word(rng: Random, length: int, alphabet: str = LETTERS) -> str:
    """Draw a random word."""
    return "".join(rng.choices(alphabet, k=length))


ADD_DIGITS = ((1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (3, 3), (3, 4), (4, 3), (4, 4))
SUBTRACT_DIGITS = ((1, 1), (2, 1), (2, 2), (3, 2), (3, 3))
MULTIPLY_DIGITS = ((1, 1), (2, 1), (1, 2), (3, 1), (2, 2))


def make_add(rng: Random, level: int) -> tuple[str, str]:
    """Sum of two numbers; the level picks their digits."""
    a, b = (number(rng, digits) for digits in ADD_DIGITS[level])
    return f"{a}+{b}=", str(a + b)


def make_subtract(rng: Random, level: int) -> tuple[str, str]:
    """Difference of two numbers, larger first; the level picks their digits."""
    a, b = (number(rng, digits) for digits in SUBTRACT_DIGITS[level])
    a, b = max(a, b), min(a, b)
    return f"{a}-{b}=", str(a - b)


def make_multiply(rng: Random, level: int) -> tuple[str, str]:
    """Product of two numbers; the level picks their digits."""
    a, b = (number(rng, digits) for digits in MULTIPLY_DIGITS[level])
    return f"{a}*{b}=", str(a * b)


def make_largest(rng: Random, level: int) -> tuple[str, str]:
    """Option holding the largest of four numbers of ``level`` digits."""
    values = [number(rng, level) for _ in OPTIONS]
    while values.count(max(values)) > 1:
        values = [number(rng, level) for _ in OPTIONS]
    listed = "".join(f"{option}{value}" for option, value in zip(OPTIONS, values, strict=True))
    return f"?{listed}=", OPTIONS[values.index(max(values))]


def make_last(rng: Random, level: int) -> tuple[str, str]:
    """Last letter of a word of ``level`` letters."""
    text = word(rng, level)
    return f"l:{text}=", text[-1]


def make_reverse(rng: Random, level: int) -> tuple[str, str]:
    """Word of ``level`` letters written backwards."""
    text = word(rng, level)
    return f"r:{text}=", text[::-1]


def make_sort(rng: Random, level: int) -> tuple[str, str]:
    """``level`` letters put in alphabetical order."""
    text = word(rng, level)
    return f"s:{text}=", "".join(sorted(text))


def make_count(rng: Random, level: int) -> tuple[str, str]:
    """How often a letter occurs in a word of ``level`` letters out of a-c."""
    text, letter = word(rng, level, "abc"), rng.choice("abc")
    return f"#{letter}:{text}=", str(text.count(letter))


def make_caesar(rng: Random, level: int) -> tuple[str, str]:
    """``level`` letters moved up the alphabet by 1 to 5 places, cyclically."""
    text, shift = word(rng, level), rng.randrange(1, 6)
    moved = (LETTERS[(LETTERS.index(letter) + shift) % len(LETTERS)] for letter in text)
    return f"^{shift}:{text}=", "".join(moved)


def make_member(rng: Random, level: int) -> tuple[str, str]:
    """Whether a letter occurs in a word of ``level`` distinct letters."""
    text = "".join(rng.sample(LETTERS, level + 1))
    present = rng.random() < 0.5
    letter = rng.choice(text[:-1]) if present else text[-1]
    return f"{text[:-1]}:{letter}=", TRUTH[not present]


def expression(rng: Random, leaves: int) -> tuple[str, bool]:
    """Random boolean expression of this many constants, and its value."""
    if leaves == 1:
        text, value = rng.choice((("T", True), ("F", False)))
    else:
        left = rng.randrange(1, leaves)
        first, a = expression(rng, left)
        second, b = expression(rng, leaves - left)
        operator = rng.choice("&|")
        text = f"({first}{operator}{second})"
        value = (a and b) if operator == "&" else (a or b)
    if rng.random() < 0.25:
        return f"!{text}", not value
    return text, value


def make_boolean(rng: Random, level: int) -> tuple[str, str]:
    """Value of a boolean expression of ``level`` constants."""
    text, value = expression(rng, level)
    return f"{text}=", TRUTH[not value]


def balanced(rng: Random, pairs: int) -> str:
    """Random balanced string of round and pointed brackets."""
    if pairs == 0:
        return ""
    inside = rng.randrange(pairs)
    left, right = rng.choice(("()", "<>"))
    return left + balanced(rng, inside) + right + balanced(rng, pairs - 1 - inside)


def make_brackets(rng: Random, level: int) -> tuple[str, str]:
    """Whether ``level`` brackets balance; half of the strings have one spoilt."""
    text = balanced(rng, level // 2)
    if rng.random() < 0.5:
        return f"b:{text}=", "T"
    place = rng.randrange(level)
    spoilt = rng.choice([mark for mark in "()<>" if mark != text[place]])
    return f"b:{text[:place]}{spoilt}{text[place + 1 :]}=", "F"


def make_sequence(rng: Random, level: int) -> tuple[str, str]:
    """Fourth term of an arithmetic progression; its numbers grow with the level."""
    start = rng.randrange(50 * 2**level)
    step = rng.randrange(1, 10 * 2**level)
    first, second, third, fourth = (start + step * i for i in range(4))
    return f"n:{first},{second},{third}=", str(fourth)


def make_parity(rng: Random, level: int) -> tuple[str, str]:
    """Whether a string of ``level`` bits holds an odd number of ones."""
    bits = word(rng, level, "01")
    return f"p:{bits}=", TRUTH[bits.count("1") % 2 == 0]


TASKS: tuple[Task, ...] = (
    Task("add_short", "arithmetic", "Sum of numbers of one to three digits.", make_add, (1, 2, 3, 4), practice=(0,)),
    Task("add_long", "arithmetic", "Sum of numbers of three and four digits.", make_add, (5, 6, 7, 8)),
    Task(
        "subtract",
        "arithmetic",
        "Difference of numbers of one to three digits.",
        make_subtract,
        (1, 2, 3, 4),
        practice=(0,),
    ),
    Task(
        "multiply",
        "arithmetic",
        "Product of numbers of one to three digits.",
        make_multiply,
        (1, 2, 3, 4),
        practice=(0,),
    ),
    Task(
        "largest",
        "arithmetic",
        "Largest of four numbers of two to five digits.",
        make_largest,
        (2, 3, 4, 5),
        practice=(1,),
        choices=OPTIONS,
    ),
    Task("last", "strings", "Last letter of a word of 3 to 12 letters.", make_last, tuple(range(3, 13))),
    Task(
        "reverse",
        "strings",
        "Word of 3 to 12 letters written backwards.",
        make_reverse,
        tuple(range(3, 13)),
        practice=(1, 2),
    ),
    Task(
        "sort",
        "strings",
        "Three to ten letters in alphabetical order.",
        make_sort,
        tuple(range(3, 11)),
        practice=(1, 2),
    ),
    Task(
        "count",
        "strings",
        "Occurrences of a letter among 4 to 13 letters.",
        make_count,
        tuple(range(4, 14)),
        practice=(1, 2, 3),
    ),
    Task(
        "caesar",
        "strings",
        "Two to nine letters moved up the alphabet.",
        make_caesar,
        tuple(range(2, 10)),
        practice=(1,),
    ),
    Task(
        "member",
        "logic",
        "Whether a letter is among 3 to 10 letters.",
        make_member,
        tuple(range(3, 11)),
        practice=(2,),
        choices=TRUTH,
    ),
    Task(
        "boolean",
        "logic",
        "Value of an expression of 3 to 7 constants.",
        make_boolean,
        tuple(range(3, 8)),
        practice=(1, 2),
        choices=TRUTH,
    ),
    Task(
        "brackets",
        "logic",
        "Whether 8 to 14 brackets balance.",
        make_brackets,
        (8, 10, 12, 14),
        practice=(2, 4, 6),
        choices=TRUTH,
    ),
    Task("sequence", "logic", "Next term of an arithmetic progression.", make_sequence, (0, 1, 2, 3)),
    Task(
        "parity",
        "logic",
        "Whether 20 to 27 bits hold an odd number of ones.",
        make_parity,
        tuple(range(20, 28)),
        choices=TRUTH,
    ),
)


def make_benchmark(task: Task, seed: int = BENCHMARK_SEED) -> tuple[Question, ...]:
    """Draw the questions of one task.

    Levels hold equally many questions, and within a level each choice of a
    true/false or multiple-choice task is right equally often.

    Parameters
    ----------
    task : Task
        The task to ask.
    seed : int
        Seed of the draw; the shipped tables use the default.

    Returns
    -------
    tuple of Question
        400 questions with distinct prompts, easiest level first.
    """
    rng = Random(f"{seed}-{task.name}")
    per_level = QUESTIONS_PER_BENCHMARK // len(task.levels)
    questions: list[Question] = []
    seen: set[str] = set()
    for level in task.levels:
        quota = dict.fromkeys(task.choices, per_level // max(len(task.choices), 1))
        kept = 0
        while kept < per_level:
            prompt, answer = task.make(rng, level)
            if prompt in seen or quota.get(answer, 1) == 0:
                continue
            if answer in quota:
                quota[answer] -= 1
            seen.add(prompt)
            kept += 1
            name = f"{task.name}-{len(questions):03d}"
            questions.append(Question(task.name, name, prompt, answer, level))
    return tuple(questions)


@cache
def benchmarks() -> dict[str, tuple[Question, ...]]:
    """Questions of every benchmark, by name."""
    return {task.name: make_benchmark(task) for task in TASKS}


@cache
def held_out_prompts() -> frozenset[str]:
    """Prompts of all benchmark questions, which training text never holds."""
    return frozenset(q.prompt for questions in benchmarks().values() for q in questions)


def draw_line(rng: Random, domain: str) -> str:
    """Draw one training line of a domain, never a benchmark prompt."""
    tasks = TASKS_BY_DOMAIN[domain]
    task = tasks[int(rng.random() * len(tasks))]
    levels = task.practice + task.levels
    banned = held_out_prompts()
    while True:
        prompt, answer = task.make(rng, levels[int(rng.random() * len(levels))])
        if prompt not in banned:
            return prompt + answer + END_OF_LINE


TASKS_BY_DOMAIN: dict[str, tuple[Task, ...]] = {
    domain: tuple(task for task in TASKS if task.domain == domain) for domain in DOMAINS
}
