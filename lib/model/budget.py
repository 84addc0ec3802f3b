"""A token limit for a thought and another one for the answer behind it, while a batch is generated."""

import torch
from transformers import LogitsProcessor

WINDOW = 8  # tokens, beside a tag's own, of which the text is searched for the tag


class Budget(LogitsProcessor):
    """Ends a thought of `most_thought` tokens by its closing tag, and an answer of `most_answer` tokens by
    the end token; what it does to a row depends on this row's tokens alone.

    `opened`: the prompts began the thought; else one that an answer begins with counts. `tags`: those of the
    template (thinking.Tags); `end`: the end token.
    """

    def __init__(self, tokenizer, tags, opened, most_thought, most_answer, end, count):
        self.tokenizer, self.tags, self.end = tokenizer, tags, end
        self.most_thought, self.most_answer = most_thought, most_answer
        self.closing = tokenizer(tags.closing, add_special_tokens=False)["input_ids"]
        self.begun = [0 if opened else None] * count  # at which new token the thought begins
        self.ended = [None] * count  # at which the answer begins
        self.cut = [None] * count  # at which its closing tag was begun for it

    def behind(self, prompt_length):
        """This, for rows of which the first `prompt_length` tokens are the prompt."""
        self.prompt_length = prompt_length
        return self

    @property
    def most(self):
        """New tokens that an answer and its thought may have together."""
        return self.most_thought + len(self.closing) + self.most_answer + WINDOW

    def __call__(self, input_ids, scores):
        step = input_ids.shape[1] - self.prompt_length
        head = input_ids[:, self.prompt_length :][:, :WINDOW].tolist()
        tail = input_ids[:, max(self.prompt_length, input_ids.shape[1] - WINDOW - len(self.closing)) :]
        for row, tokens in enumerate(tail.tolist()):
            token = self._token(row, step, head[row], tokens)
            if token is not None:
                scores[row] = -torch.inf
                scores[row, token] = 0.0
        return scores

    def _token(self, row, step, head, tail):
        """The token that this row must have next, or None; `head`, `tail`: its first and last tokens."""
        if self.ended[row] is None:
            self._read(row, step, head, tail)
        thinking = self.ended[row] is None and self.begun[row] is not None
        if thinking and step - self.begun[row] >= self.most_thought:
            self.cut[row], self.ended[row] = step, step + len(self.closing)
        if self.cut[row] is not None and step < self.ended[row]:
            return self.closing[step - self.cut[row]]
        if self.ended[row] is not None and step - self.ended[row] >= self.most_answer:
            return self.end
        return None

    def _read(self, row, step, head, tail):
        """Note where the thought of a row begins and ends."""
        text = self.tokenizer.decode(head)
        if self.begun[row] is None and self.tags.opening.strip() in text:
            self.begun[row] = step
        if self.begun[row] is None and step >= min(WINDOW, self.most_answer):
            self.ended[row] = 0  # it does not think
        elif self.begun[row] is not None and self.tags.closing.strip() in self.tokenizer.decode(tail):
            self.ended[row] = step

    def keep(self, rows):
        """Go on with these rows of the batch."""
        for name in ("begun", "ended", "cut"):
            setattr(self, name, [getattr(self, name)[row] for row in rows.tolist()])

    def of(self, row, length):
        """(whether the answer of a finished row, of `length` tokens before the end token, ended by itself;
        whether its thought did). Behind the end token stands padding, which says nothing of either.
        """
        within = self.ended[row] is None or length - self.ended[row] < self.most_answer
        return within, self.cut[row] is None or length <= self.cut[row]
