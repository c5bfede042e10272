"""SQLAlchemy: what it reflects of a schema, tables that it makes itself, and a push query."""
import sys

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

for driver in ("psycopg2", "psycopg"):
    engine = sa.create_engine(f"postgresql+{driver}://leat@{sys.argv[1]}/leat")
    insp = sa.inspect(engine)
    assert {"customers", "numbered", "orders"} <= set(insp.get_table_names()), insp.get_table_names()
    assert insp.get_view_names() == ["rich"], insp.get_view_names()
    assert insp.get_materialized_view_names() == ["totals"], insp.get_materialized_view_names()
    columns = {c["name"]: c for c in insp.get_columns("customers")}
    assert list(columns) == ["id", "name", "email", "since", "balance", "tags", "extra"]
    assert isinstance(columns["balance"]["type"], sa.Numeric) and columns["balance"]["type"].scale == 2
    assert isinstance(columns["tags"]["type"], sa.ARRAY) and columns["email"]["type"].length == 80
    assert not columns["name"]["nullable"] and columns["email"]["nullable"]
    assert columns["name"]["comment"] == "as it is printed"
    assert insp.get_columns("numbered")[0]["identity"], insp.get_columns("numbered")
    assert insp.get_pk_constraint("customers")["constrained_columns"] == ["id"]
    assert [u["column_names"] for u in insp.get_unique_constraints("customers")] == [["email"]]
    assert len(insp.get_check_constraints("customers")) == 1
    assert [i["column_names"] for i in insp.get_indexes("customers")] == [["email"]], insp.get_indexes("customers")
    assert insp.get_foreign_keys("customers") == [] and insp.get_sequence_names() == ["numbered_id_seq"]
    assert insp.get_table_comment("customers") == {"text": "who buys"}
    assert "balance" in insp.get_view_definition("rich") and "GROUP BY" in insp.get_view_definition("totals")

    class Base(DeclarativeBase):
        pass

    class Item(Base):
        __tablename__ = "items_" + driver
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str] = mapped_column(sa.String(30), unique=True)
        price: Mapped[float]

    Base.metadata.create_all(engine)
    assert insp.has_table(Item.__tablename__) is True
    with Session(engine) as session:
        session.add_all([Item(name="bolt", price=0.5), Item(name="nut", price=0.25)])
        session.commit()
        item = session.scalars(sa.select(Item).where(Item.name == "nut")).one()
        item.price = 0.3
        session.commit()
        assert session.scalar(sa.select(sa.func.sum(Item.price))) == 0.8
        session.add(Item(name="nut", price=1))
        try:
            session.commit()
            raise SystemExit("a duplicate went in")
        except sa.exc.IntegrityError:
            session.rollback()
    meta = sa.MetaData()
    meta.reflect(engine, views=True)
    assert "customers" in meta.tables and "rich" in meta.tables
    Base.metadata.drop_all(engine)

    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("SET auto_offset_reset = 'earliest'"))
        conn.execute(sa.text("SET leat.fetch_wait = 60000"))
    with engine.connect() as conn:
        conn.execute(sa.text("SET auto_offset_reset = 'earliest'"))
        result = conn.execution_options(stream_results=True, max_row_buffer=1).execute(
            sa.text("SELECT id FROM orders EMIT CHANGES"))
        assert [result.fetchone()[0] for _ in range(3)] == [1, 2, 3]
    engine.dispose()
print("ok")
