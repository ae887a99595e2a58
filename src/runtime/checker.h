// The checker of test builds (`millrace.checker` = true): a wrapper around every operator that verifies what
// all of them promise, so that none has to check it inside. What it finds is an InternalError that names the
// operator:
//  * a batch has the columns of its schema, all of its length, and no NULL where the schema says NOT NULL;
//  * watermarks do not go back;
//  * a retraction (-U, -D) takes back a row that stands (in a job that was not restored, and as long as the
//  operator's
//    own inputs keep to it; of upsert changelogs, only -U);
//  * what onEndOfInput puts out has left the state: called again, as after a restore of the last checkpoint,
//  it puts
//    out nothing.
#pragma once

#include <memory>

#include "runtime/job_graph.h"

namespace millrace {

std::shared_ptr<const JobGraph> withChecker(const std::shared_ptr<const JobGraph>& graph);

}  // namespace millrace
