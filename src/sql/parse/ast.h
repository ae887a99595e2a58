// The syntax tree of Flink's SQL dialect: what was written, names not yet resolved, types not yet known.
// Every node carries the place it was written at. The parser makes it, the binder reads it, toSql() writes it
// back as text.
//
// Heights are bounded by the parser (kNestingMax, kHeightMax in parser.h), so recursion over a tree is safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"

namespace millrace::sql {

struct Expr;
struct Query;
struct QueryBody;
struct TableRef;
using ExprPtr = std::unique_ptr<Expr>;
using QueryPtr = std::unique_ptr<Query>;
using QueryBodyPtr = std::unique_ptr<QueryBody>;
using TableRefPtr = std::unique_ptr<TableRef>;

struct Identifier {
    std::string name;  // as written, without quotes; Flink's names are case-sensitive
    TextSpan span;
};

// a, a.b or a.b.c
struct ObjectName {
    std::vector<Identifier> parts;
    TextSpan span;
    std::string toString() const;  // "a.b.c", for messages
};

// A type as written: DECIMAL(10, 2), ROW<a INT, b STRING NOT NULL>, ARRAY<INT>, MAP<STRING, INT>,
// `my`.`type`.
struct TypeSpec {
    struct Field;
    std::string name;        // canonical upper case: "INT", "TIMESTAMP_LTZ", "INTERVAL DAY TO SECOND", "ROW"
    std::string class_name;  // of STRUCTURED
    std::optional<int> precision;  // or length
    std::optional<int> scale;
    std::vector<Field> children;   // ARRAY, MULTISET: 1; MAP: 2; ROW, STRUCTURED: the fields
    std::optional<bool> nullable;  // NULL / NOT NULL as written
    TextSpan span;
};
struct TypeSpec::Field {
    Identifier name;  // ROW and STRUCTURED only
    TypeSpec type;
    std::string comment;
};

// ---- expressions

enum class LiteralKind : uint8_t {
    Null,
    Boolean,  // text TRUE or FALSE
    Number,   // digits as written: 12, 1.50, 1e3
    String,   // decoded
    Binary,   // decoded bytes of X'..'
    Date,     // text inside DATE '..'
    Time,
    Timestamp,
    Interval,  // text inside INTERVAL '..'; unit "DAY", "DAY TO SECOND"...
};

struct Literal {
    LiteralKind kind = LiteralKind::Null;
    std::string text;
    std::string unit;       // Interval: its qualifier, canonical upper case, singular
    bool negative = false;  // Interval: INTERVAL -'1' DAY
};

// a, t.a, db.t.a.field: which part is what is for the binder to find out.
struct ColumnRef {
    std::vector<Identifier> path;
};

// * or t.*
struct Star {
    std::vector<Identifier> qualifier;
};

struct OrderItem {
    ExprPtr expression;
    bool descending = false;
    std::optional<bool> nulls_first;
};

enum class FrameUnit : uint8_t { None, Rows, Range };
enum class FrameBoundKind : uint8_t {
    UnboundedPreceding,
    Preceding,
    CurrentRow,
    Following,
    UnboundedFollowing
};
struct FrameBound {
    FrameBoundKind kind = FrameBoundKind::UnboundedPreceding;
    ExprPtr offset;  // Preceding, Following
};
// OVER (...), or a named window of the WINDOW clause.
struct OverSpec {
    Identifier name;  // OVER w, or the window that (w ...) extends; empty otherwise
    std::vector<ExprPtr> partition_by;
    std::vector<OrderItem> order_by;
    FrameUnit frame = FrameUnit::None;
    FrameBound from;
    FrameBound to;
    TextSpan span;
};

// Every function and operator, by upper-case name: "+", "=", "AND", "NOT", "IS NULL", "LIKE", "BETWEEN",
// "||", "COUNT", "EXTRACT"... AND, OR are n-ary. Special syntax becomes plain arguments, keywords as
// KeywordArgument: EXTRACT(YEAR FROM x) is EXTRACT(keyword YEAR, x); negated forms are NOT over the positive
// one.
struct Call {
    std::string name;
    std::vector<Identifier> path;  // as written, for user-defined functions (db.f); empty for operators
    std::vector<ExprPtr> arguments;
    bool distinct = false;
    bool star = false;  // COUNT(*)
    ExprPtr filter;     // FILTER (WHERE ...)
    std::vector<OrderItem> within_group;
    std::optional<bool> ignore_nulls;
    std::unique_ptr<OverSpec> over;
};

struct KeywordArgument {
    std::string keyword;  // YEAR, LEADING, ...
};
struct NamedArgument {
    Identifier name;  // name => value
    ExprPtr value;
};
struct DescriptorArgument {
    std::vector<Identifier> columns;
};
// TABLE t, or (SELECT ...), as an argument of a table function; PARTITION BY and ORDER BY belong to it.
struct TableArgument {
    ObjectName table;  // empty when `query` is set
    QueryPtr query;
    std::vector<ExprPtr> partition_by;
    std::vector<OrderItem> order_by;
};

struct CaseExpr {
    ExprPtr operand;  // CASE x WHEN ...; absent for a searched CASE
    struct Branch {
        ExprPtr when;
        ExprPtr then;
    };
    std::vector<Branch> branches;
    ExprPtr otherwise;
};

struct CastExpr {
    ExprPtr value;
    TypeSpec type;
    bool try_cast = false;
};

// x IN (a, b, ...); NOT IN is NOT over it.
struct InList {
    ExprPtr value;
    std::vector<ExprPtr> items;
};
// x IN (SELECT ...), and x = ANY/SOME/ALL (SELECT ...) with `comparison` and `quantifier` set.
struct InQuery {
    ExprPtr value;
    QueryPtr query;
    std::string comparison;
    std::string quantifier;  // "ANY", "ALL"
};
struct ExistsQuery {
    QueryPtr query;
};
struct ScalarQuery {
    QueryPtr query;
};

struct FieldAccess {  // (expression).name
    ExprPtr value;
    Identifier field;
};
struct ElementAccess {  // expression[index]
    ExprPtr value;
    ExprPtr index;
};
struct ArrayConstructor {
    std::vector<ExprPtr> items;
};
struct MapConstructor {
    std::vector<ExprPtr> items;  // key, value, key, value
};
struct RowConstructor {
    std::vector<ExprPtr> items;
    bool keyword = false;  // ROW(a, b) rather than (a, b)
};

struct Expr {
    using Node =
        std::variant<Literal, ColumnRef, Star, Call, KeywordArgument, NamedArgument, DescriptorArgument,
                     TableArgument, CaseExpr, CastExpr, InList, InQuery, ExistsQuery, ScalarQuery,
                     FieldAccess, ElementAccess, ArrayConstructor, MapConstructor, RowConstructor>;
    Node node;
    TextSpan span;
    int height = 1;  // of the tree below
};

// ---- queries

struct Hint {
    Identifier name;  // OPTIONS, STATE_TTL, LOOKUP, BROADCAST...
    std::vector<std::string> arguments;
    std::map<std::string, std::string> options;
};

enum class JoinKind : uint8_t { Cross, Inner, Left, Right, Full };

struct NamedTable {
    ObjectName name;
    std::vector<Hint> hints;
    ExprPtr system_time;  // FOR SYSTEM_TIME AS OF ...
};
struct DerivedTable {  // (SELECT ...), (VALUES ...)
    QueryPtr query;
    bool lateral = false;
};
struct FunctionTable {  // TABLE(f(...)), LATERAL TABLE(f(...)), f(...)
    ExprPtr call;
    bool lateral = false;
};
struct UnnestTable {
    std::vector<ExprPtr> collections;
    bool with_ordinality = false;
};
struct JoinTable {
    JoinKind kind = JoinKind::Inner;
    bool natural = false;
    TableRefPtr left;
    TableRefPtr right;
    ExprPtr on;
    std::vector<Identifier> using_columns;
};

struct SelectItem {
    ExprPtr expression;
    std::optional<Identifier> alias;
};

// input MATCH_RECOGNIZE (...)
struct PatternItem {  // A, A*, A+?, A{2,3}
    Identifier variable;
    int64_t from = 1;
    std::optional<int64_t> to = 1;  // absent: without bound
    bool reluctant = false;
};
struct MatchDefinition {
    Identifier variable;
    ExprPtr condition;
};
enum class AfterMatchClause : uint8_t { ToNextRow, PastLastRow, ToFirst, ToLast };
struct MatchTable {
    TableRefPtr input;
    std::vector<ExprPtr> partition_by;
    std::vector<OrderItem> order_by;
    std::vector<SelectItem> measures;  // each with an alias
    AfterMatchClause after = AfterMatchClause::ToNextRow;
    std::optional<Identifier> after_variable;
    std::vector<PatternItem> pattern;
    ExprPtr within;
    std::vector<MatchDefinition> definitions;
};

struct TableRef {
    std::variant<NamedTable, DerivedTable, FunctionTable, UnnestTable, JoinTable, MatchTable> node;
    std::optional<Identifier> alias;
    std::vector<Identifier> column_aliases;
    TextSpan span;
    int height = 1;
};

enum class GroupingKind : uint8_t { Expressions, Rollup, Cube, Sets };
// GROUP BY a, (b, c) is an Expressions item of one set each; ROLLUP (a, (b, c)) and CUBE list what they take
// away from; GROUPING SETS ((a), ROLLUP (b, c)) holds items.
struct GroupItem {
    GroupingKind kind = GroupingKind::Expressions;
    std::vector<std::vector<ExprPtr>> sets;
    std::vector<GroupItem> items;  // of GROUPING SETS
    TextSpan span;
};

struct NamedWindow {
    Identifier name;
    OverSpec spec;
};

struct Select {
    std::vector<Hint> hints;
    bool distinct = false;
    std::vector<SelectItem> items;
    TableRefPtr from;  // absent: one row without columns
    ExprPtr where;
    std::vector<GroupItem> group_by;
    bool group_by_distinct = false;  // GROUP BY DISTINCT: equal grouping sets count once
    ExprPtr having;
    std::vector<NamedWindow> windows;
    ExprPtr qualify;
};

struct ValuesBody {
    std::vector<std::vector<ExprPtr>> rows;
};

enum class SetOperator : uint8_t { Union, Intersect, Except };
// Chains of one operator are one n-ary node.
struct SetOperation {
    SetOperator op = SetOperator::Union;
    bool all = false;
    std::vector<QueryBodyPtr> inputs;
};

struct QueryBody {
    std::variant<Select, ValuesBody, SetOperation, QueryPtr> node;  // QueryPtr: in parentheses
    TextSpan span;
    int height = 1;
};

struct CommonTable {
    Identifier name;
    std::vector<Identifier> columns;
    QueryPtr query;
};

struct Query {
    std::vector<CommonTable> with;
    QueryBodyPtr body;
    std::vector<OrderItem> order_by;
    ExprPtr limit;
    ExprPtr offset;
    TextSpan span;
    int height = 1;
};

// ---- statements

struct OptionItem {
    std::string key;
    std::string value;
    TextSpan key_span;
    TextSpan value_span;
};

struct ColumnDefinition {
    Identifier name;
    std::optional<TypeSpec> type;  // physical and metadata columns
    ExprPtr computed;              // name AS expression
    bool metadata = false;         // type METADATA [FROM 'key'] [VIRTUAL]
    std::optional<std::string> metadata_from;
    bool is_virtual = false;
    bool primary_key = false;  // column constraint
    std::string comment;
    TextSpan span;
};
struct WatermarkClause {
    std::vector<Identifier> column;  // a path
    ExprPtr expression;
    TextSpan span;
};
struct PrimaryKeyClause {
    std::vector<Identifier> columns;
    TextSpan span;
};
struct LikeOption {
    std::string merge;    // INCLUDING, EXCLUDING, OVERWRITING
    std::string feature;  // ALL, CONSTRAINTS, PARTITIONS, GENERATED, OPTIONS, WATERMARKS, METADATA
};
struct LikeClause {
    ObjectName table;
    std::vector<LikeOption> options;
    TextSpan span;
};

struct CreateTable {
    bool temporary = false;
    bool if_not_exists = false;
    bool or_replace = false;
    bool must_exist = false;  // REPLACE TABLE
    ObjectName name;
    std::vector<ColumnDefinition> columns;  // of AS, those without a type only say where a column stands
    std::optional<WatermarkClause> watermark;
    std::optional<PrimaryKeyClause> primary_key;
    std::string comment;
    std::vector<Identifier> partitioned_by;
    std::optional<TextSpan> distributed;  // DISTRIBUTED BY ... was written
    std::vector<OptionItem> options;
    std::optional<LikeClause> like;
    QueryPtr as;
};

struct CreateView {
    bool temporary = false;
    bool if_not_exists = false;
    bool or_replace = false;
    ObjectName name;
    std::vector<Identifier> columns;
    std::string comment;
    std::shared_ptr<Query> query;  // shared with the catalog, which expands it wherever the view is named
};

struct CreateFunction {
    bool temporary = false;
    bool system = false;
    bool if_not_exists = false;
    ObjectName name;
    std::string class_name;
    std::string language;  // JAVA, SCALA, PYTHON or ""
    TextSpan class_span;
};

struct CreateCatalog {
    bool if_not_exists = false;
    ObjectName name;  // of one part
    std::string comment;
    std::vector<OptionItem> options;
};
struct CreateDatabase {
    bool if_not_exists = false;
    ObjectName name;
    std::string comment;
    std::vector<OptionItem> options;
};

enum class ObjectKind : uint8_t { Table, View, Function, Catalog, Database };
struct DropObject {
    ObjectKind kind = ObjectKind::Table;
    bool temporary = false;
    bool if_exists = false;
    bool cascade = false;  // DROP DATABASE
    ObjectName name;
};

// ALTER TABLE ... ADD and MODIFY; a column that is modified keeps its place unless it says another one.
struct AlterColumns {
    struct Column {
        ColumnDefinition definition;
        bool first = false;
        std::optional<Identifier> after;
    };
    bool modify = false;
    std::vector<Column> columns;
    std::optional<WatermarkClause> watermark;
    std::optional<PrimaryKeyClause> primary_key;
};
struct DropColumns {
    std::vector<Identifier> columns;
};
struct DropPrimaryKey {};
struct DropWatermark {};
struct RenameColumn {
    Identifier from;
    Identifier to;
};
struct RenameObject {
    ObjectName to;
};
struct SetObjectOptions {
    std::vector<OptionItem> options;
};
struct ResetObjectOptions {
    std::vector<OptionItem> keys;  // without values
};
struct RedefineView {
    std::shared_ptr<Query> query;
};
struct RedefineFunction {
    std::string class_name;
    TextSpan class_span;
};
struct AlterObject {
    ObjectKind kind = ObjectKind::Table;
    bool if_exists = false;
    ObjectName name;
    std::variant<AlterColumns, DropColumns, DropPrimaryKey, DropWatermark, RenameColumn, RenameObject,
                 SetObjectOptions, ResetObjectOptions, RedefineView, RedefineFunction>
        change;
};

struct Use {
    ObjectKind kind = ObjectKind::Database;  // or Catalog
    ObjectName name;
};

struct Insert {
    bool overwrite = false;
    ObjectName table;
    std::vector<Hint> hints;
    std::vector<OptionItem> partition;  // PARTITION (k = 'v'), keys and values as text
    std::vector<Identifier> columns;
    QueryPtr query;
    TextSpan span;
};
struct StatementSet {
    std::vector<Insert> inserts;
};

struct SetOption {  // SET; lists all
    std::optional<OptionItem> option;
};
struct ResetOption {  // RESET; resets all
    std::optional<OptionItem> option;
};

struct Statement;
struct Explain {
    bool analyze = false;
    std::vector<std::string> details;  // CHANGELOG_MODE, ESTIMATED_COST, JSON_EXECUTION_PLAN, PLAN_ADVICE
    std::unique_ptr<Statement> statement;
};
struct Show {
    std::string
        what;  // TABLES, VIEWS, FUNCTIONS, CATALOGS, DATABASES, COLUMNS, CREATE TABLE, CREATE VIEW, ...
    std::optional<ObjectName> object;
    std::vector<OptionItem> partition;  // of PARTITIONS: PARTITION (k = 'v'), keys and values as text
    std::optional<std::string> like;
    bool not_like = false;
    bool any_case = false;  // ILIKE
    TextSpan span;          // of what is shown
};
struct Describe {
    ObjectKind kind = ObjectKind::Table;  // a view is one, too; or Catalog, Database, Function
    ObjectName table;
};
struct QueryStatement {
    QueryPtr query;
};
// A statement of Flink's that is recognised by its first words and not read further.
struct UnsupportedStatement {
    std::string what;  // "ALTER TABLE"
};

struct Statement {
    std::variant<CreateTable, CreateView, CreateFunction, CreateCatalog, CreateDatabase, DropObject,
                 AlterObject, Use, Insert, StatementSet, SetOption, ResetOption, Explain, Show, Describe,
                 QueryStatement, UnsupportedStatement>
        node;
    TextSpan span;     // its first word
    std::string text;  // as written, after substitution, without the ';'
};

}  // namespace millrace::sql
