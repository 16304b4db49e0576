"""Orders from a file: what comes in, what is left out and why, and that a second run adds nothing."""

import csv
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from conversion.importing import OrdersImporter
from conversion.models import Order, OrderLine
from conversion.services import importing
from members.models import Member, MemberFacts
from members.ports import importers
from tests.conversion.conftest import make_community
from tests.factories.people import SYSTEM
from tests.moments import NOON

pytestmark = pytest.mark.django_db

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
LINES = [
    "536365,85123A,WHITE HEART,6.0,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",
    "536365,85123A,WHITE HEART,6.0,2010-12-01 08:26:00,2.55,17850.0,United Kingdom",  # an exact duplicate is a line
    "536365,71053,,1.0,2010-12-01 08:26:00,3.39,17850.0,United Kingdom",
    "536366,22633,HAND WARMER,0.0,2010-12-01 08:28:00,1.85,17850.0,United Kingdom",
    "536366,22632,HAND WARMER RED,2.0,2010-12-01 08:28:00,1.85,17850.0,United Kingdom",
    "C536379,D,Discount,-1.0,2010-12-01 09:41:00,27.5,14527.0,United Kingdom",
    "536414,22139,,56.0,2010-12-01 11:52:00,0.0,,United Kingdom",
    "536367,84879,BIRD,32.0,2010-12-01 08:34:00,0.0,13047.0,United Kingdom",
    "536367,84879,BIRD,1.5,2010-12-01 08:34:00,1.69,13047.0,United Kingdom",
    "536367,84879,BIRD,1.0,yesterday,1.69,13047.0,United Kingdom",
    "536367,84879,BIRD,1.0,2010-12-01 08:34:00,1.695,13047.0,United Kingdom",
    "536368,84879,BIRD,1.0,2010-12-01 08:34:00,1.69,13047,United Kingdom",
    "536368,84879,BIRD,1.0,2010-12-01 08:34:00,1.69,99999,United Kingdom",
]
# 2 x 6 x 2.55 + 3.39 + 2 x 1.85 + 1.69
SUM_AMOUNT = "39.38"


@pytest.fixture
def file(tmp_path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text("\n".join([HEADER, *LINES]))
    return path


@pytest.fixture
def bring_in(workspace, community, capsys):
    def run(path, **options):
        wanted = {
            "workspace": workspace.slug,
            "community": community.pk,
            "currency": "GBP",
            "timezone": "Europe/London",
        }
        call_command("import_orders", str(path), **(wanted | options))
        return json.loads(capsys.readouterr().out.strip().splitlines()[-1])

    return run


def test_good_lines_come_in_and_the_last_line_says_what(file, bring_in) -> None:
    assert bring_in(file) == {
        "rows": 13,
        "imported_lines": 5,
        "skipped_lines": 8,
        "duplicate_lines": 0,
        "orders": 3,
        "customers": 2,
        "revenue_amount": SUM_AMOUNT,
        "currency": "GBP",
    }
    order = Order.objects.get(external_id="536365")
    assert (order.state, order.source, order.total_amount) == ("paid", "import", 3399)
    assert order.paid_at.isoformat() == "2010-12-01T08:26:00+00:00"
    assert order.lines.count() == 3
    assert OrderLine.objects.get(sku="71053").description == "71053"


def test_customers_become_members_with_their_facts(file, bring_in, community) -> None:
    bring_in(file)
    assert sorted(Member.objects.values_list("display_name", flat=True)) == ["13047", "17850"]
    facts = MemberFacts.objects.get(member__display_name="17850")
    assert (facts.order_count, facts.spent_amount, facts.currency) == (2, 3769, "GBP")
    assert facts.sources["spent_amount"] == "import"


def test_a_second_run_adds_nothing(file, bring_in) -> None:
    bring_in(file)
    before = list(OrderLine.objects.values_list("pk", "external_key"))
    again = bring_in(file)
    assert (again["imported_lines"], again["orders"], again["revenue_amount"]) == (0, 0, "0.00")
    assert (again["skipped_lines"], again["duplicate_lines"]) == (8, 5)
    assert list(OrderLine.objects.values_list("pk", "external_key")) == before
    assert Order.objects.get(external_id="536365").total_amount == 3399
    assert MemberFacts.objects.get(member__display_name="17850").order_count == 2


def test_a_dry_run_counts_the_same_and_writes_nothing(file, bring_in) -> None:
    counted = bring_in(file, dry_run=True)
    assert not Order.objects.exists()
    assert not Member.objects.exists()
    assert bring_in(file) == counted
    assert bring_in(file, dry_run=True)["imported_lines"] == 0


def test_the_report_names_line_and_reason(file, bring_in, tmp_path) -> None:
    report = tmp_path / "report.csv"
    bring_in(file, report=str(report))
    rows = list(csv.DictReader(io.StringIO(report.read_text(encoding="utf-8-sig"))))
    assert [(int(row["line"]), row["code"]) for row in rows] == [
        (5, "quantity_not_positive"),
        (7, "cancelled"),
        (8, "missing_customer"),
        (9, "price_not_positive"),
        (10, "bad_quantity"),
        (11, "bad_ordered_at"),
        (12, "bad_price"),
        (14, "other_customer"),
    ]


def test_an_order_that_runs_over_two_batches_is_one(bring_in, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("members.importing.base.BATCH_ROWS", 2)
    monkeypatch.setattr(importing, "CHUNK", 2)
    path = tmp_path / "orders.csv"
    path.write_text("\n".join([HEADER, *[LINES[0]] * 5]))
    assert bring_in(path)["imported_lines"] == 5
    assert Order.objects.get().total_amount == 5 * 6 * 255
    assert MemberFacts.objects.get().spent_amount == 5 * 6 * 255
    assert bring_in(path)["imported_lines"] == 0


def test_the_same_file_in_another_community_is_another_import(file, bring_in, workspace) -> None:
    bring_in(file)
    other = make_community(workspace, name="二店")
    assert bring_in(file, community=other.pk)["imported_lines"] == 5
    assert Order.objects.filter(external_id="536365").count() == 2


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n\x00\x00", b"a,b\n1,2\n", b"\xff\xfe\xfa"])
def test_an_unreadable_file_is_exit_2(bring_in, tmp_path, content) -> None:
    path = tmp_path / "broken.csv"
    path.write_bytes(content)
    for wrong in (path, tmp_path / "missing.csv"):
        with pytest.raises(CommandError) as refused:
            bring_in(wrong)
        assert refused.value.returncode == 2
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "wrong", [{"community": 999_999_999}, {"currency": "XXX"}, {"timezone": "Mars/Base"}, {"workspace": "nobody"}]
)
def test_wrong_options_are_exit_1(bring_in, file, wrong) -> None:
    with pytest.raises(CommandError) as refused:
        bring_in(file, **wrong)
    assert refused.value.returncode == 1
    assert not Order.objects.exists()


def test_another_workspaces_community_is_not_found(bring_in, file, stranger) -> None:
    with pytest.raises(CommandError):
        bring_in(file, community=make_community(stranger.workspace).pk)
    assert not Order.objects.exists()


def test_another_currency_for_known_orders_is_refused(bring_in, file) -> None:
    bring_in(file)
    with pytest.raises(CommandError, match="GBP"):
        bring_in(file, currency="EUR")


def test_the_upload_page_knows_orders(workspace, community, file) -> None:
    importer = importers.get("orders")
    assert isinstance(importer, OrdersImporter)
    options = {"workspace": workspace.pk, "community": community.pk, "currency": "GBP"}
    preview = importer.preview(io.BytesIO(file.read_bytes()), options)
    assert (preview.row_count, preview.new_count, preview.problem_count, preview.is_ready) == (13, 5, 8, True)
    assert not Order.objects.exists()
    for _ in range(2):
        *_steps, last = importer.run(io.BytesIO(file.read_bytes()), options, SYSTEM, NOON)
    assert (last.counts["accepted"], last.counts["duplicates"]) == (0, 5)
