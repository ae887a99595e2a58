// From an HTTP request to an action and back: AWS JSON 1.1.
#pragma once

#include "base/http_server.h"
#include "service/context.h"

namespace millrace {

HttpResponse dispatch(ServiceContext& context, const HttpRequest& request);

}  // namespace millrace
