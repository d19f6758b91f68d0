"""The simulated tools: one line each, by the name of their destination.

A tool is a module beside this one that gives `VENDOR`, and a contract of the same name
under `contracts/`.
"""

import importlib
import importlib.util
from collections.abc import Mapping

from demo.destination_simulator.vendor import Vendor

VENDOR_NAMES = (
    "braze",
    "customerio",
    "google_data_manager",
    "hubspot",
    "intercom",
    "iterable",
    "klaviyo",
    "linkedin",
    "mailchimp",
    "mailer",
    "marketo",
    "meta",
    "salesforce",
    "slack",
    "tiktok",
    "webhook",
    "zendesk",
)


def load_vendors(*names: str) -> Mapping[str, Vendor]:
    """These tools by name; all of them without a name.

    Raises:
        ValueError: There is no such tool; the message lists those that there are.
    """
    unknown = sorted(set(names) - set(VENDOR_NAMES))
    if unknown:
        raise ValueError(
            f"There is no simulated tool '{unknown[0]}'. There are: "
            f"{', '.join(VENDOR_NAMES)}."
        )
    return {
        name: _vendor(module_name)
        for name in names or VENDOR_NAMES
        if importlib.util.find_spec(module_name := f"{__name__}.{name}") is not None
    }


def _vendor(module_name: str) -> Vendor:
    found = importlib.import_module(module_name).VENDOR
    if not isinstance(found, Vendor):
        raise TypeError(f"{module_name}.VENDOR is no Vendor")
    return found
