// The tables of the metadata store. A change appends a step; a database says in PRAGMA user_version how many
// it has, and is brought up to date when it is opened.
#pragma once

#include <vector>

namespace millrace {

const std::vector<const char*>& schemaSteps();

}  // namespace millrace
