-- A table whose rows are labelled as they are inserted. One that cannot be read is Unclassified and fails no INSERT.
CREATE TABLE logs
(
    time DateTime64(3) DEFAULT now64(3),
    source LowCardinality(String),
    log_message String,
    target_label LowCardinality(String) MATERIALIZED logclass(source, log_message)
)
ENGINE = MergeTree
ORDER BY (source, time);

-- Labels of a table that has none, when it is read. It reads nothing but the two columns and the rows that a query needs.
CREATE VIEW labelled AS
SELECT *, logclass(source, log_message) AS label FROM logs;
