"""What programs do with Django: tables of its own, migrations, its query language, introspection, and a push query."""
import io
import sys

import django
from django.conf import settings

host, port = sys.argv[1].split(":")
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.sessions"],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "HOST": host, "PORT": port, "USER": "leat", "NAME": "leat"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command
from django.db import connection, models, transaction
from django.db.models import Count, F, Sum


class Item(models.Model):
    name = models.CharField(max_length=20, db_index=True)
    at = models.DateTimeField(auto_now_add=True)
    n = models.IntegerField(default=0)
    extra = models.JSONField(default=dict)

    class Meta:
        app_label = "shop"


call_command("migrate", verbosity=0)
call_command("migrate", verbosity=0)  # there is nothing to do
with connection.schema_editor() as editor:
    editor.create_model(Item)

Item.objects.create(name="a", extra={"vip": True})
Item.objects.bulk_create([Item(name="b", n=2), Item(name="c", n=3)])
Item.objects.filter(name="a").update(n=F("n") + 5)
assert Item.objects.aggregate(s=Sum("n"))["s"] == 10
Item.objects.update_or_create(name="b", defaults={"n": 9})
assert list(Item.objects.values_list("n").annotate(c=Count("id")).order_by("-n")) == [(9, 1), (5, 1), (3, 1)]
assert Item.objects.filter(extra__vip=True, name__icontains="A").count() == 1
with transaction.atomic():
    item = Item.objects.select_for_update().get(name="c")
    try:
        with transaction.atomic():
            Item.objects.create(id=item.id, name="twice")
        raise AssertionError("two rows of one key")
    except django.db.IntegrityError:
        pass
    item.delete()
assert Item.objects.count() == 2
Item.objects.filter(name="a").explain()

with connection.schema_editor() as editor:
    field = models.IntegerField(default=7)
    field.set_attributes_from_name("more")
    editor.add_field(Item, field)
with connection.cursor() as cursor:
    constraints = connection.introspection.get_constraints(cursor, "shop_item")
    assert constraints["shop_item_pkey"]["primary_key"] and len(constraints) == 3, constraints
    assert [c.name for c in connection.introspection.get_table_description(cursor, "shop_item")][-1] == "more"
out = io.StringIO()
call_command("inspectdb", "customers", "totals", include_views=True, stdout=out)
assert "class Customers(models.Model)" in out.getvalue() and "max_length=80" in out.getvalue(), out.getvalue()

with transaction.atomic():  # which a server-side cursor of Django's driver needs
    connection.cursor().execute("SET LOCAL auto_offset_reset = 'earliest'")
    with connection.connection.cursor(name="pushed") as cursor:
        cursor.itersize = 1
        cursor.execute("SELECT id, amount FROM orders EMIT CHANGES")
        assert [cursor.fetchone() for _ in range(3)] == [(1, 9.5), (2, 0.5), (3, 7.0)]
print("ok")
