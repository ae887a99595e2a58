#include "cluster/application.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/error.h"
#include "cluster/registry.h"
#include "sql/plan/planner.h"

namespace millrace {
namespace {

// Whole keys, and families of keys that end in a dot.
constexpr std::array kControlled = {
    "execution.checkpointing.",
    "state.backend",
    "state.backend.",
    "state.checkpoints.",
    "state.savepoints.",
    "restart-strategy",
    "restart-strategy.",
    "parallelism.default",
    "rest.",
    "jobmanager.",
    "taskmanager.",
    "metrics.",
    "millrace.job-id",
};
constexpr std::string_view kFree = "execution.checkpointing.interval-during-backlog";

// Several files are one text to the session; problems are brought back to the file they stand in.
class JoinedFiles {
  public:
    explicit JoinedFiles(const std::vector<std::pair<std::string, std::string>>& files) : files_(files) {
        for (const auto& [name, content] : files) {
            first_lines_.push_back(lines_ + 1);
            text_ += content;
            if (!text_.ends_with('\n')) text_ += '\n';
            lines_ = static_cast<int>(std::count(text_.begin(), text_.end(), '\n'));
        }
    }
    const std::string& text() const { return text_; }

    std::string render(Problem problem) const {
        if (!problem.where.known()) return renderProblem(problem);
        size_t file = first_lines_.size() - 1;
        while (file > 0 && first_lines_[file] > problem.where.line)
            --file;
        problem.where.line -= first_lines_[file] - 1;
        const std::string& name = files_[file].first;
        return renderProblem(problem, files_[file].second, name.empty() ? "application" : name);
    }

  private:
    const std::vector<std::pair<std::string, std::string>>& files_;
    std::string text_;
    std::vector<int> first_lines_;
    int lines_ = 0;
};

// The problems as one error, with every place in it; what the service shows to the application's owner.
[[noreturn]] void rethrow(const std::vector<Problem>& problems, const JoinedFiles& files) {
    std::string all;
    for (const Problem& problem : problems)
        all += files.render(problem);
    while (all.ends_with('\n'))
        all.pop_back();
    throw UserError(problems.empty() ? "sql.error" : problems.front().code, all);
}

void refuseControlledSettings(const Configuration& configuration) {
    std::string keys;
    for (const auto& [key, value] : configuration.values()) {
        if (isControlledSetting(key)) keys += (keys.empty() ? "" : ", ") + key;
    }
    if (keys.empty()) return;
    throw UserError(
        "application.controlled-settings",
        fmt::format("Not allowed configuration change(s) were detected: {}", keys),
        "the service controls these settings: remove the SET statements, and set them through its API");
}

}  // namespace

bool isControlledSetting(std::string_view key) {
    if (key == kFree) return false;
    return std::any_of(kControlled.begin(), kControlled.end(), [&](std::string_view one) {
        return one.ends_with('.') ? key.starts_with(one) : key == one;
    });
}

sql::PlannedJob planApplication(const ApplicationPackage& package) {
    const JoinedFiles files(package.sql_files);
    Configuration free, controlled;
    for (const auto& [key, value] : package.configuration.values()) {
        (isControlledSetting(key) ? controlled : free).set(key, value);
    }
    sql::SessionOptions options;
    options.registry = linkedConnectors();
    options.configuration = free;
    options.parameters = package.parameters;
    sql::Session session(std::move(options));
    std::vector<Problem> problems;
    try {
        const sql::LogicalPlan plan = session.compileApplication(files.text());
        refuseControlledSettings(session.configuration());
        sql::PlanOptions plan_options;
        plan_options.registry = linkedConnectors();
        plan_options.configuration = session.configuration();
        plan_options.configuration.merge(controlled);
        sql::PlannedJob job = sql::planJob(plan, plan_options);
        job.graph->name = plan_options.configuration.find("pipeline.name").value_or(package.application_name);
        return job;
    } catch (const sql::SqlError& error) {
        problems = error.problems();
    } catch (const UserError& error) {
        if (!error.problem().where.known()) throw;
        problems.push_back(error.problem());
    }
    rethrow(problems, files);
}

}  // namespace millrace
