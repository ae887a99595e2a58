// A program is the expressions as one graph, in which equal sub-expressions are one node. Evaluation goes by
// frames: the outermost is the batch; AND, OR and CASE open inner frames of fewer rows for what must not be
// evaluated on the others (it may fail there, or is dear), and a filter for the rows it chooses. A frame
// remembers every node's column, and an inner one takes what an outer one has.
#include "expr/executor.h"

#include <cstring>
#include <string>
#include <unordered_map>

#include "base/error.h"

namespace millrace {

namespace {

struct Node {
    ExpressionPtr expression;
    std::vector<size_t> arguments;
    bool total = true;   // the whole tree below, too: evaluated eagerly
    ColumnPtr constant;  // of a literal, for at least as many rows as were asked for lately
};

struct Frame {
    const Batch* batch = nullptr;
    Frame* outer = nullptr;
    std::span<const uint32_t>
        selection;  // of the outer frame's rows; of the batch's when `selected` and no outer frame
    bool selected = false;
    size_t rows = 0;
    std::vector<ColumnPtr> done;
};

// One BOOLEAN column in three-valued logic: is it definitely true, definitely false, by row.
void combineInto(bool conjunction, Column& into, const Column& right, size_t rows) {
    auto* const a = into.mutableData<uint8_t>();
    const auto* const b = right.data<uint8_t>();
    if (into.validity() == nullptr && right.validity() == nullptr) {
        if (conjunction) {
            for (size_t i = 0; i < rows; ++i)
                a[i] &= b[i];
        } else {
            for (size_t i = 0; i < rows; ++i)
                a[i] |= b[i];
        }
        return;
    }
    uint8_t* const av = into.mutableValidity();
    const uint8_t* const bv = right.validity();
    const uint8_t flip = conjunction ? 0 : 1;  // OR is AND of the negations
    for (size_t i = 0; i < rows; ++i) {
        const uint8_t right_valid = bv != nullptr ? bv[i] : 1;
        const uint8_t x = a[i] ^ flip;
        const uint8_t y = b[i] ^ flip;
        const uint8_t both = av[i] & right_valid & x & y;
        const uint8_t decided = (av[i] & (x ^ 1)) | (right_valid & (y ^ 1));
        av[i] = both | decided;
        a[i] = both ^ flip;
    }
}

std::shared_ptr<Column> copyOfBoolean(const Column& column, const LogicalType& type, size_t rows) {
    auto copy = std::make_shared<Column>(type, rows);
    std::memcpy(copy->mutableData<uint8_t>(), column.data<uint8_t>(), rows);
    if (column.validity() != nullptr) std::memcpy(copy->mutableValidity(), column.validity(), rows);
    return copy;
}

// The rows where a BOOLEAN column is TRUE.
void trueRows(const Column& column, size_t rows, Selection& out) {
    out.resize(rows);
    const auto* const values = column.data<uint8_t>();
    const uint8_t* const valid = column.validity();
    size_t count = 0;
    if (valid == nullptr) {
        for (size_t i = 0; i < rows; ++i) {
            out[count] = static_cast<uint32_t>(i);
            count += values[i];
        }
    } else {
        for (size_t i = 0; i < rows; ++i) {
            out[count] = static_cast<uint32_t>(i);
            count += values[i] & valid[i];
        }
    }
    out.resize(count);
}

template <class T>
void blend(const Column& condition, const Column& taken, Column& into, size_t rows) {
    const auto* const when = condition.data<uint8_t>();
    const uint8_t* const known = condition.validity();
    T* const out = into.mutableData<T>();
    const T* const in = taken.data<T>();
    for (size_t i = 0; i < rows; ++i) {
        const bool take = (when[i] & (known != nullptr ? known[i] : 1)) != 0;
        out[i] = take ? in[i] : out[i];
    }
    if (into.validity() == nullptr && taken.validity() == nullptr) return;
    uint8_t* const valid = into.mutableValidity();
    const uint8_t* const in_valid = taken.validity();
    for (size_t i = 0; i < rows; ++i) {
        const bool take = (when[i] & (known != nullptr ? known[i] : 1)) != 0;
        valid[i] = take ? (in_valid != nullptr ? in_valid[i] : 1) : valid[i];
    }
}

}  // namespace

struct ExpressionExecutor::Program {
    std::vector<Node> nodes;
    std::vector<size_t> roots;
    std::unordered_map<const Expression*, size_t> by_identity;
    std::unordered_map<std::string, size_t> by_meaning;
    std::vector<ColumnPtr> scratch;  // the outermost frame's memory

    size_t add(const ExpressionPtr& expression) {
        if (const auto found = by_identity.find(expression.get()); found != by_identity.end())
            return found->second;
        std::string meaning;
        if (expression->deterministic()) {
            meaning = expression->canonical() + ":" + expression->type().toString();
            if (const auto found = by_meaning.find(meaning); found != by_meaning.end()) {
                by_identity.emplace(expression.get(), found->second);
                return found->second;
            }
        }
        Node node{.expression = expression};
        for (const auto& argument : expression->arguments()) {
            node.arguments.push_back(add(argument));
            node.total &= nodes[node.arguments.back()].total;
        }
        if (expression->kind() == ExpressionKind::Call) node.total &= expression->bound().total;
        nodes.push_back(std::move(node));
        const size_t index = nodes.size() - 1;
        by_identity.emplace(expression.get(), index);
        if (!meaning.empty()) by_meaning.emplace(std::move(meaning), index);
        return index;
    }

    ColumnPtr literal(Node& node, size_t rows) const {
        const LogicalType& type = node.expression->type();
        if (!node.constant || node.constant->size() < rows) {
            node.constant = Column::constant(type, node.expression->value(), rows);
        }
        return Column::slice(node.constant, 0, rows);
    }

    static bool isDone(size_t index, const Frame* frame) {
        while (frame != nullptr && !frame->done[index])
            frame = frame->outer;
        return frame != nullptr;
    }

    ColumnPtr evaluate(size_t index, const FunctionContext& context, Frame& frame) {
        if (frame.done[index]) return frame.done[index];
        Node& node = nodes[index];
        const ExpressionKind kind = node.expression->kind();
        ColumnPtr result;
        if (kind == ExpressionKind::Literal) {
            result = literal(node, frame.rows);
        } else if (frame.outer != nullptr && (kind == ExpressionKind::Column || isDone(index, frame.outer))) {
            result = Column::gather(evaluate(index, context, *frame.outer), frame.selection);
        } else if (kind == ExpressionKind::Column) {
            const ColumnPtr& column = frame.batch->column(node.expression->index());
            result = frame.selected ? Column::gather(column, frame.selection) : column;
        } else if (kind == ExpressionKind::Call) {
            std::vector<ColumnPtr> arguments;
            arguments.reserve(node.arguments.size());
            for (const size_t argument : node.arguments)
                arguments.push_back(evaluate(argument, context, frame));
            result = node.expression->bound().kernel(context, arguments, frame.rows);
            MILLRACE_CHECK(result->size() == frame.rows, "{} made {} rows of {}", node.expression->name(),
                           result->size(), frame.rows);
        } else if (kind == ExpressionKind::Case) {
            result = evaluateCase(node, context, frame);
        } else {
            result = evaluateLogical(node, kind == ExpressionKind::And, context, frame);
        }
        frame.done[index] = result;
        return result;
    }

    ColumnPtr evaluateOn(size_t index, const FunctionContext& context, Frame& outer,
                         std::span<const uint32_t> selection) {
        if (selection.size() == outer.rows) return evaluate(index, context, outer);
        Frame inner{.batch = outer.batch,
                    .outer = &outer,
                    .selection = selection,
                    .selected = true,
                    .rows = selection.size()};
        inner.done.resize(nodes.size());
        return evaluate(index, context, inner);
    }

    ColumnPtr evaluateLogical(const Node& node, bool conjunction, const FunctionContext& context,
                              Frame& frame) {
        const ColumnPtr first = evaluate(node.arguments[0], context, frame);
        auto result = copyOfBoolean(*first, node.expression->type(), frame.rows);
        for (size_t i = 1; i < node.arguments.size(); ++i) {
            if (nodes[node.arguments[i]].total) {
                combineInto(conjunction, *result, *evaluate(node.arguments[i], context, frame), frame.rows);
                continue;
            }
            Selection open(frame.rows);  // rows that are not decided yet, in no order that could be guessed
            const auto* const values = result->data<uint8_t>();
            const uint8_t* const valid = result->validity();
            const uint8_t deciding = conjunction ? 0 : 1;
            size_t found = 0;
            for (size_t row = 0; row < frame.rows; ++row) {
                open[found] = static_cast<uint32_t>(row);
                found += static_cast<size_t>((valid && valid[row] == 0) || values[row] != deciding);
            }
            open.resize(found);
            if (open.empty()) break;
            const ColumnPtr right = evaluateOn(node.arguments[i], context, frame, open);
            if (open.size() == frame.rows) {
                combineInto(conjunction, *result, *right, frame.rows);
                continue;
            }
            auto spread = std::make_shared<Column>(LogicalType::boolean(), frame.rows);
            auto* const spread_values = spread->mutableData<uint8_t>();
            std::memset(spread_values, conjunction ? 1 : 0, frame.rows);  // neutral on decided rows
            for (size_t k = 0; k < open.size(); ++k) {
                spread_values[open[k]] = right->data<uint8_t>()[k];
                if (right->isNull(k)) spread->setNull(open[k]);
            }
            combineInto(conjunction, *result, *spread, frame.rows);
        }
        return result;
    }

    ColumnPtr evaluateCase(const Node& node, const FunctionContext& context, Frame& frame) {
        const LogicalType& type = node.expression->type();
        if (node.total && !type.isNested()) return blendCase(node, context, frame);
        const size_t branches = node.arguments.size() / 2;
        std::vector<ColumnPtr> pieces;
        std::vector<uint32_t> place(frame.rows);  // of each row, in the pieces laid end to end
        uint32_t laid = 0;
        const auto lay = [&](size_t argument, std::span<const uint32_t> rows) {
            if (rows.empty()) return;
            pieces.push_back(evaluateOn(argument, context, frame, rows));
            for (const uint32_t row : rows)
                place[row] = laid++;
        };
        Selection open(frame.rows);
        for (size_t i = 0; i < frame.rows; ++i)
            open[i] = static_cast<uint32_t>(i);
        for (size_t branch = 0; branch < branches && !open.empty(); ++branch) {
            const ColumnPtr condition = evaluateOn(node.arguments[2 * branch], context, frame, open);
            const auto* const holds = condition->data<uint8_t>();
            const uint8_t* const valid = condition->validity();
            Selection taken(open.size());
            Selection left(open.size());
            size_t takes = 0;
            for (size_t k = 0; k < open.size(); ++k) {
                const bool take = (!valid || valid[k] != 0) && holds[k] != 0;
                taken[takes] = left[k - takes] = open[k];
                takes += static_cast<size_t>(take);
            }
            left.resize(open.size() - takes);
            taken.resize(takes);
            lay(node.arguments[2 * branch + 1], taken);
            open = std::move(left);
        }
        lay(node.arguments.back(), open);
        if (pieces.empty()) return Column::constant(type, Value::null(), 0);
        const ColumnPtr all = Column::concat(pieces);
        // A single piece lies in the rows' order already.
        return Column::retyped(pieces.size() == 1 ? all : Column::gather(all, place), type);
    }

    ColumnPtr blendCase(const Node& node, const FunctionContext& context, Frame& frame) {
        const LogicalType& type = node.expression->type();
        auto result = std::make_shared<Column>(type, frame.rows);
        const ColumnPtr otherwise = evaluate(node.arguments.back(), context, frame);
        dispatchPhysical(type.physical(), [&]<class T>() {
            std::memcpy(result->mutableData<T>(), otherwise->data<T>(), frame.rows * sizeof(T));
            if (otherwise->validity() != nullptr)
                std::memcpy(result->mutableValidity(), otherwise->validity(), frame.rows);
            result->keepAllOf(*otherwise);
            for (size_t branch = node.arguments.size() / 2; branch-- > 0;) {
                const ColumnPtr condition = evaluate(node.arguments[2 * branch], context, frame);
                const ColumnPtr taken = evaluate(node.arguments[2 * branch + 1], context, frame);
                blend<T>(*condition, *taken, *result, frame.rows);
                result->keepAllOf(*taken);
            }
        });
        return result;
    }

    void begin(Frame& frame) {
        frame.done = std::move(scratch);
        frame.done.assign(nodes.size(), nullptr);
    }
    void end(Frame& frame) {
        frame.done.assign(nodes.size(), nullptr);
        scratch = std::move(frame.done);
    }

    std::vector<ColumnPtr> run(const FunctionContext& context, Frame& frame) {
        begin(frame);
        std::vector<ColumnPtr> results;
        results.reserve(roots.size());
        for (const size_t root : roots)
            results.push_back(evaluate(root, context, frame));
        end(frame);
        return results;
    }

    std::vector<ColumnPtr> filter(const FunctionContext& context, Frame& frame, Selection& out) {
        begin(frame);
        trueRows(*evaluate(roots[0], context, frame), frame.rows, out);
        std::vector<ColumnPtr> results;
        if (!out.empty()) {
            results.reserve(roots.size() - 1);
            Frame chosen{.batch = frame.batch,
                         .outer = &frame,
                         .selection = out,
                         .selected = true,
                         .rows = out.size()};
            const bool all = out.size() == frame.rows;
            if (!all) chosen.done.resize(nodes.size());
            for (size_t i = 1; i < roots.size(); ++i)
                results.push_back(evaluate(roots[i], context, all ? frame : chosen));
        }
        end(frame);
        return results;
    }
};

ExpressionExecutor::ExpressionExecutor(const std::vector<ExpressionPtr>& expressions)
    : program_(std::make_unique<Program>()) {
    for (const auto& expression : expressions)
        program_->roots.push_back(program_->add(expression));
}

ExpressionExecutor::~ExpressionExecutor() = default;
ExpressionExecutor::ExpressionExecutor(ExpressionExecutor&&) noexcept = default;

std::vector<ColumnPtr> ExpressionExecutor::evaluate(const FunctionContext& context, const Batch& batch) {
    Frame frame{.batch = &batch, .rows = batch.rows()};
    return program_->run(context, frame);
}

std::vector<ColumnPtr> ExpressionExecutor::evaluate(const FunctionContext& context, const Batch& batch,
                                                    std::span<const uint32_t> selection) {
    if (selection.size() == batch.rows()) return evaluate(context, batch);
    Frame frame{.batch = &batch, .selection = selection, .selected = true, .rows = selection.size()};
    return program_->run(context, frame);
}

std::vector<ColumnPtr> ExpressionExecutor::filter(const FunctionContext& context, const Batch& batch,
                                                  Selection& out) {
    Frame frame{.batch = &batch, .rows = batch.rows()};
    return program_->filter(context, frame, out);
}

void ExpressionExecutor::select(const FunctionContext& context, const Batch& batch, Selection& out) {
    MILLRACE_CHECK(program_->roots.size() == 1, "a filter is one expression");
    filter(context, batch, out);
}

Value evaluateConstant(const ExpressionPtr& expression, const FunctionContext& context) {
    ExpressionExecutor executor({expression});
    return executor.evaluate(context, Batch(1, {}))[0]->valueAt(0);
}

}  // namespace millrace
