"""What each code of a problem means, for `router policy code` and for programs that show problems."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import fill, indent
from typing import Final

from .problem import Code

_WIDTH: Final = 100


@dataclass(frozen=True, slots=True)
class Explanation:
    """A code for people: a title, what was found, why it matters, and YAML that is wrong and right."""

    title: str
    meaning: str
    why: str
    wrong: str
    right: str

    @property
    def text(self) -> str:
        """All but the title, for a screen."""
        wrong, right = indent(self.wrong, "    "), indent(self.right, "    ")
        told = "\n".join(fill(sentences, _WIDTH) for sentences in (self.meaning, self.why))
        return f"{told}\n\nInstead of\n{wrong}\nwrite\n{right}"


EXPLAINED: Final[Mapping[Code, Explanation]] = {
    Code.NOT_YAML: Explanation(
        "The file is not the YAML that is read here",
        "A syntax error, or something that is refused on purpose: a key given twice, an anchor, alias, tag "
        "or merge key, a "
        "second document, a tab, deep nesting, a file that is too large.",
        "YAML has ways to say one thing and mean another, and files that grow to gigabytes when they are read.",
        "limits: {attempts: 3}\nlimits: {deadline_s: 60}",
        "limits: {attempts: 3, deadline_s: 60}",
    ),
    Code.UNKNOWN_KEY: Explanation(
        "There is no such key",
        "A key that means nothing here, often a misspelt one.",
        "A setting that is silently ignored is a setting that its author believes in.",
        "limits: {dead_line_s: 60}",
        "limits: {deadline_s: 60}",
    ),
    Code.MISSING_KEY: Explanation(
        "A key is missing",
        "Something that has no default was left out.",
        "Nothing can be guessed here: what is asked, of whom, and for what kind of answer.",
        "checks: [{check: confidence}]",
        "checks: [{check: confidence, at_least: 0.8}]",
    ),
    Code.WRONG_VALUE: Explanation(
        "A value is not of its kind",
        "Of another type than expected, out of its bounds, or none of the words that may stand here.",
        "The policy cannot be loaded. Numbers in quotes are texts; `no`, `on` and `12:30` are texts too.",
        'limits: {attempts: "three"}',
        "limits: {attempts: 3}",
    ),
    Code.UNREADABLE_FILE: Explanation(
        "A file cannot be read",
        "A schema, a list of functions, examples, a certificate or the file itself is not there, or is not "
        "what it has to be.",
        "A policy is complete with the files that it names. Their paths start at the policy's folder.",
        "output: {schema: receipt.json}",
        "output: {schema: schemas/receipt.json}",
    ),
    Code.UNSOUND_SCHEMA: Explanation(
        "A JSON Schema is unsound",
        "A misspelt keyword or type, a name that is required and not allowed, a reference that leads nowhere or to "
        "another host, or a schema that grows without bounds.",
        "A keyword that nobody knows checks nothing; a schema that explodes stops the service.",
        "schema: {type: strin}",
        "schema: {type: string}",
    ),
    Code.WRONG_PROMPT: Explanation(
        "The prompt asks for what is not there",
        "The template cannot be parsed, or names a field that the input's schema does not have, also within "
        "an object or a loop.",
        "The model would be asked with a hole where the task's text should stand.",
        'prompt: {system: Sort the mail., user: "{{ txt }}"}',
        'prompt: {system: Sort the mail., user: "{{ text }}"}',
    ),
    Code.UNKNOWN_TIER: Explanation(
        "There is no such tier",
        "A name that is not in the tiers file, or one that this policy does not climb to.",
        "Nobody could be asked; or a check, a promise or an audit would be about nothing.",
        "tiers: [mini, lrage]",
        "tiers: [mini, large]",
    ),
    Code.WRONG_EXPRESSION: Explanation(
        "A rule cannot be compiled",
        "The CEL expression does not parse, names a field that the schemas lack, or puts types together that do not go "
        "together: an integer beside a double, a number beside a text.",
        "A rule that fails at run time would doubt every reply.",
        "expression: output.total > 0",
        "expression: output.total > 0.0",
    ),
    Code.WRONG_PATTERN: Explanation(
        "A pattern cannot be used",
        "RE2 refuses the regular expression, or there is neither `matches` nor `forbids`.",
        "RE2 takes linear time whatever the text; look-around and back-references do not exist in it.",
        r"{check: pattern, matches: '(?<=EUR )\d+'}",
        r"{check: pattern, matches: 'EUR \d+'}",
    ),
    Code.UNKNOWN_FIELD: Explanation(
        "The output has no such field",
        "A check names a field that the output's schema does not have.",
        "The check would look at nothing, and pass.",
        "{check: grounding, fields: [merchnat]}",
        "{check: grounding, fields: [merchant]}",
    ),
    Code.WRONG_EXAMPLE: Explanation(
        "An example does not meet the schemas",
        "The input or the output of an example is not what the policy itself takes or gives.",
        "Examples are shown to models and teach the demo's learners: a wrong one teaches wrong answers.",
        "examples: [{input: {text: sea}, output: bleu}]",
        "examples: [{input: {text: sea}, output: blue}]",
    ),
    Code.NO_PRICE: Explanation(
        "A model has no price",
        "No row of prices.yaml for the model of a tier is in force today.",
        "Money is reserved before it is spent. A call of unknown price is never made, and never booked as $0.",
        "prices: {}",
        "prices:\n  openai/gpt-4o-mini: [{from: 2024-07-18, input: 0.15, output: 0.60, source: ...}]",
    ),
    Code.WRONG_CASE: Explanation(
        "A case cannot be played",
        "A case names a tier, a check or a field that the policy does not have, or there is no policy for "
        "the file of cases.",
        "A test that tests nothing passes for ever.",
        "expect: {status: succeeded, tier: huge}",
        "expect: {status: succeeded, tier: large}",
    ),
    Code.UNLIKELY: Explanation(
        "This is hardly what was meant",
        "Something that can run, but leaves out a part of the tasks, or of what they bring: tiers that take no "
        "images, a prompt that shows the model nothing of its input, or fewer examples than it says, a rule over a "
        "field that may be missing, doubts about the last tier's replies, a name that another file's policy has.",
        "It may be right: then nothing has to be done.",
        "{check: confidence, at_least: 0.8}                        # what large is unsure of is lost",
        "{check: confidence, at_least: 0.8, tiers: [mini, small]}",
    ),
    Code.TIER_NEVER_ASKED: Explanation(
        "A tier is never asked",
        "It cannot take any task of this policy, or no move and no limit lets a task climb so far.",
        "The path is shorter than it reads: what the tiers below cannot do becomes a dead letter.",
        "tiers: [mini, small, large]\nlimits: {attempts: 2}",
        "tiers: [mini, small, large]\nlimits: {attempts: 6}",
    ),
    Code.CHECK_NEVER_RUN: Explanation(
        "A check never runs",
        "Its tiers are never asked, a check before it fails every reply, or it is there twice.",
        "What it should find is not looked for.",
        "- {check: length, at_most: 80}\n- {check: length, id: again, at_most: 80}",
        "- {check: length, at_most: 80}",
    ),
    Code.MOVE_NEVER_MADE: Explanation(
        "A move is never made",
        "A repair or a retry without a tier that may answer twice, `attempts` that no move uses, `unsure` "
        "where nothing can be.",
        "What is written is not what happens.",
        "tiers: [mini, large]\nmoves: {fail: repair}",
        "tiers: [{tier: mini, attempts: 2}, large]\nmoves: {fail: repair}",
    ),
    Code.CONSTANT: Explanation(
        "A check says the same of every reply",
        "A rule that the schema makes always or never true, a value that the field can never have, bounds "
        "that exclude each "
        "other, a pattern that fits every label or none.",
        "Either it checks nothing, or it sends every task up. A misspelt label is the usual reason.",
        "expression: output != 'complimnet' || !input.text.contains('?')",
        "expression: output != 'compliment' || !input.text.contains('?')",
    ),
    Code.STRICT_MODE: Explanation(
        "The provider refuses this schema",
        "OpenAI's strict structured outputs take a part of JSON Schema only, and this is outside of it.",
        "Every call would be answered with an error.",
        "{type: object, properties: {tax: {type: number}}}",
        "{type: object, properties: {tax: {type: [number, 'null']}}, required: [tax], additionalProperties: false}",
    ),
    Code.NO_LOGPROBS: Explanation(
        "A check has no log-probabilities to look at",
        "A confidence check applies to a tier that gives none, or to function calls, which come without.",
        "Its replies can never be sure enough, so the tier is left out, or the check says nothing.",
        "{check: confidence, at_least: 0.8}            # with a tier of `logprobs: false`",
        "{check: confidence, at_least: 0.8, tiers: [mini]}",
    ),
    Code.PARAMETER: Explanation(
        "The model does not take this parameter",
        "A setting of a tier that its model refuses: a temperature or log-probabilities while it reasons, a "
        "reasoning effort of "
        "a model that does not reason, more tokens than it has.",
        "The provider answers every such call with an error, and every task climbs past the tier.",
        "small: {model: openai/gpt-4o-mini, reasoning_effort: none}",
        "small: {model: openai/gpt-4o-mini}",
    ),
    Code.SUNSET: Explanation(
        "A model leaves its provider",
        "The tier's `sunset` is past, or less than ninety days away.",
        "From that day on its calls fail.",
        'mini: {model: openai/gpt-4o-mini, sunset: "2027-01-14"}',
        "mini: {model: openai/gpt-6-luna, reasoning_effort: none}",
    ),
    Code.OLD_PRICE: Explanation(
        "A price may not hold",
        "It was read more than a year ago, its rows are out of order, or a deployment's model has another "
        "price of its own.",
        "Costs and budgets are as right as the prices that they are counted with.",
        'source: "price list, March 2024"',
        'source: "price list, November 2026"',
    ),
    Code.LIMIT: Explanation(
        "The first call breaks a limit",
        "One call may cost more than `cost_usd`, take longer than `deadline_s`, write more than its tier "
        "can; or inputs are "
        "admitted that no tier holds.",
        "Tasks are accepted that cannot succeed.",
        "limits: {cost_usd: 0.00001}",
        "limits: {cost_usd: 0.02}",
    ),
    Code.NOT_WORTH_IT: Explanation(
        "A tier costs more than it saves",
        "A rung pays only if its price is less than the share of its replies that are accepted, times the "
        "expected cost of the "
        "way without it.",
        "The same results cost less, and come sooner, without it.",
        "tiers: [large, small]",
        "tiers: [small, large]",
    ),
    Code.ODD_ORDER: Explanation(
        "The tiers are in an odd order",
        "A tier costs less than the one below it, or asks the same model in the same way once more.",
        "Tasks climb from cheap to strong; the same model makes the same mistakes.",
        "tiers: [mini, large, small, frontier]",
        "tiers: [mini, small, large, frontier]",
    ),
    Code.BUDGET: Explanation(
        "No call fits into a budget",
        "It is smaller than what the cheapest call that counts in it is reserved at.",
        "Every task is refused or parked, before a single call.",
        "budgets: [{scope: tier:large, usd: 0.0001, per: day}]",
        "budgets: [{scope: tier:large, usd: 1, per: day}]",
    ),
    Code.IDLE_PROMISE: Explanation(
        "A promise is about nothing, or not alone",
        "It is held against the first tier, or a threshold chosen by eye stands beside it.",
        "The certificate chooses the threshold from evidence; another one sends further replies up, at further cost.",
        "promise: {kind: regret, at_most: 0.01, against: mini}      # the first tier",
        "promise: {kind: regret, at_most: 0.01, against: large}",
    ),
    Code.UNCERTIFIED: Explanation(
        "A promise has no certificate that holds",
        "There is none beside the policy, or prompt, schema, checks or models have changed since it was made.",
        "Nothing is loosened without evidence: until then every task goes on to the tier that the promise is "
        "held against.",
        "promise: {kind: regret, at_most: 0.01}      # and no NAME.certificate.json",
        "promise: {kind: regret, at_most: 0.01}      # and what `router calibrate NAME` wrote beside it",
    ),
    Code.IDLE_AUDIT: Explanation(
        "Nothing is audited",
        "The rate is 0, or there is no tier below the one that audits.",
        "Without pairs there is no estimate of what was wrongly accepted.",
        "audit: {rate: 0, against: large}",
        "audit: {rate: 0.02, against: large}",
    ),
}
