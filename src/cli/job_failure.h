// Why a job failed, as the error of the statement that ran it.
#pragma once

#include "base/error.h"
#include "runtime/job.h"

namespace millrace {

// The newest failure with its own code and hint; "job.failed" if there is none on record.
inline UserError failureOf(const JobDetails& details) {
    if (details.failures.empty()) return UserError("job.failed", "the job failed");
    const JobFailure& failure = details.failures.front();
    return UserError(failure.code.empty() ? "job.failed" : failure.code, failure.message, failure.hint);
}

}  // namespace millrace
