"""A form of UCC's, in a dialog or a tab, as a person uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Locator, expect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ui.workplace import Workplace


class Form:
    """Fields are named as in globalConfig.json, choices by what the page shows."""

    def __init__(self, workplace: Workplace, locator: Locator) -> None:
        self._workplace = workplace
        self.locator = locator

    def wait(self) -> None:
        """Wait until it is there."""
        expect(self.locator).to_be_visible()

    def field(self, name: str) -> Locator:
        """A field with its label and help."""
        return self.locator.locator(f'[data-name="{name}"]')

    def box(self, name: str) -> Locator:
        """Where the text of a field is typed."""
        return self.field(name).locator("input, textarea:not([aria-hidden])").first

    def type(self, **fields: str) -> None:
        """Type texts."""
        for name, text in fields.items():
            self.box(name).fill(text)

    def value(self, name: str) -> str:
        """The text in a field."""
        return self.box(name).input_value()

    def choose(self, name: str, label: str) -> None:
        """Choose from a list."""
        self.field(name).locator('[data-test="select"]').click()
        self._workplace.page.get_by_role("option", name=label, exact=True).click()

    def choose_several(self, name: str, labels: Iterable[str]) -> None:
        """Choose several things from a list."""
        box = self.field(name).get_by_role("combobox")
        for label in labels:
            box.click()
            self._workplace.page.get_by_role("option", name=label, exact=True).click()

    def choose_button(self, name: str, label: str) -> None:
        """Press one of several buttons of which one is always pressed."""
        self.field(name).get_by_role("radio", name=label, exact=True).click()

    def pressed(self, name: str) -> str:
        """Which of several buttons is pressed."""
        return self.field(name).get_by_role("radio", checked=True).inner_text().strip()

    def chosen(self, name: str) -> str:
        """What a list shows as chosen."""
        return self.field(name).locator('[data-test="select"]').inner_text().strip()

    def tags(self, name: str) -> list[str]:
        """The choices that a field for several shows."""
        return self._tags(name).locator('[data-test="label"]').all_inner_texts()

    def remove_tag(self, name: str, label: str) -> None:
        """Take back one of several choices."""
        tag = self._tags(name).filter(has_text=label)
        tag.locator('[data-test="cross"]').click()
        expect(tag).to_have_count(0)

    def _tags(self, name: str) -> Locator:
        return self.field(name).locator('[data-test="selected-option"]')

    def tick(self, name: str) -> None:
        """Change a checkbox."""
        self.field(name).get_by_role("checkbox").click()

    def ticked(self, name: str) -> bool:
        """Whether a checkbox is ticked."""
        return self.field(name).get_by_role("checkbox").is_checked()

    def press(self, button: str) -> None:
        """Press a button."""
        self.locator.get_by_role("button", name=button, exact=True).click()

    def save(self, button: str) -> None:
        """Press a button that closes the dialog, and wait until it has."""
        self.press(button)
        expect(self.locator).to_be_hidden()

    def refusal(self) -> str:
        """The sentence with which the server has refused what was saved."""
        text = self.complaint()
        self._workplace.seen_refusals += 1
        return text

    def complaint(self) -> str:
        """The sentence that the page shows in red, where somebody who has just pressed a button sees it."""
        expect(self._complaint).to_be_visible()
        expect(self._complaint).to_be_in_viewport()
        return self._complaint.inner_text()

    def expect_complaint(self, text: str) -> None:
        """Wait until the sentence in red has this text in it."""
        expect(self._complaint).to_contain_text(text)
        expect(self._complaint).to_be_in_viewport()

    @property
    def _complaint(self) -> Locator:
        return self.locator.locator('[data-test="message"][data-test-type="error"] [data-test="content"]')

    @property
    def notices(self) -> Locator:
        """The warnings above the fields."""
        return self.locator.locator('[data-test="message"][data-test-type="warning"] [data-test="content"]')
