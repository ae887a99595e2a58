// What the service answers to GET beside the API, which is POST alone: each page stands in a file of its own
// below pages/, the build collects them.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "base/http_server.h"
#include "service/context.h"

namespace millrace {

// Answered with `status` and the message as text.
class PageError : public std::runtime_error {
  public:
    PageError(int status, const std::string& message) : std::runtime_error(message), status_(status) {}
    int status() const { return status_; }

  private:
    int status_;
};

struct PageDescription {
    std::string path;     // "/usage": it and all below it
    std::string summary;  // one sentence, for the reference
    HttpResponse (*handle)(ServiceContext&, const HttpRequest&);
};

const std::vector<PageDescription>& pageDescriptions();

// The page that the request asks for, if there is one.
const PageDescription* findPage(const HttpRequest& request);
HttpResponse answerPage(const PageDescription& page, ServiceContext& context, const HttpRequest& request);

// The application that the query parameter `application` names; PageError 400 or 404.
Application requireApplicationOf(ServiceContext& context, const HttpRequest& request);
// A query parameter that is a whole number; `otherwise` without it, PageError 400 if it is something else.
int64_t integerParameter(const HttpRequest& request, const char* name, int64_t otherwise);

}  // namespace millrace
