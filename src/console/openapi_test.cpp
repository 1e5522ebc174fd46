#include <hinomi/base/file.hpp>
#include <hinomi/base/yaml.hpp>
#include <hinomi/console/console.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>

namespace hinomi::console {
namespace {

using base::Yaml;

class OpenApi : public testing::Test {
 protected:
  void SetUp() override {
    const auto text = base::read_file(base::fs::path(HINOMI_SOURCE_DIR) / "docs/openapi.yaml");
    ASSERT_TRUE(text.has_value());
    auto parsed = Yaml::parse(*text);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().what;
    document_ = *parsed;
  }

  // The node that a $ref of this file names, or the node itself.
  const Yaml& resolved(const Yaml& node) const {
    const Yaml* reference = node.find("$ref");
    if (!reference) return node;
    std::string path = reference->text();
    const Yaml* at = &document_;
    EXPECT_TRUE(path.starts_with("#/")) << path;
    path.erase(0, 2);
    while (!path.empty()) {
      const std::string name = path.substr(0, path.find('/'));
      at = at->find(name);
      if (!at) {
        ADD_FAILURE() << "dangling $ref " << reference->text();
        return node;
      }
      path.erase(0, std::min(path.size(), name.size() + 1));
    }
    return *at;
  }

  static std::set<std::string> keys(const Yaml& map) {
    std::set<std::string> out;
    for (const auto& [name, value] : map.entries()) out.insert(name);
    return out;
  }
  static std::set<std::string> set_of(const std::vector<std::string_view>& names) {
    return {names.begin(), names.end()};
  }
  const Yaml* operation(const Route& route) const {
    const Yaml* path = document_.find("paths") ? document_.find("paths")->find(route.path) : nullptr;
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(c | 0x20);
    return path ? path->find(method) : nullptr;
  }
  // The schema of a JSON content map.
  std::set<std::string> properties(const Yaml& holder) const {
    const Yaml* content = resolved(holder).find("content");
    const Yaml* json = content ? content->find("application/json") : nullptr;
    const Yaml* schema = json ? json->find("schema") : nullptr;
    if (!schema) return {};
    const Yaml* list = resolved(*schema).find("properties");
    return list ? keys(*list) : std::set<std::string>{};
  }

  Yaml document_;
};

TEST_F(OpenApi, describes_every_route_and_no_other) {
  std::set<std::string> described, served;
  for (const auto& [path, item] : document_.find("paths")->entries())
    for (const auto& [method, operation] : item.entries())
      if (method != "parameters") described.insert(method + " " + path);
  for (const auto& route : Console::routes()) {
    std::string method(route.method);
    for (char& c : method) c = static_cast<char>(c | 0x20);
    served.insert(fmt::format("{} {}", method, route.path));
  }
  EXPECT_EQ(described, served);
}

TEST_F(OpenApi, describes_the_parameters_of_every_route_and_no_other) {
  for (const auto& route : Console::routes()) {
    const Yaml* described = operation(route);
    ASSERT_NE(described, nullptr) << route.path;
    std::set<std::string> query, path;
    if (const Yaml* parameters = described->find("parameters"))
      for (const auto& item : parameters->items()) {
        const Yaml& parameter = resolved(item);
        ASSERT_NE(parameter.find("name"), nullptr) << route.path;
        EXPECT_NE(parameter.find("schema"), nullptr) << route.path;
        (parameter.find("in")->text() == "path" ? path : query).insert(parameter.find("name")->text());
      }
    EXPECT_EQ(query, set_of(route.query)) << route.path;
    std::set<std::string> named;
    for (std::string_view rest = route.path; rest.find('{') != std::string_view::npos;) {
      rest.remove_prefix(rest.find('{') + 1);
      named.insert(std::string(rest.substr(0, rest.find('}'))));
    }
    EXPECT_EQ(path, named) << route.path;
  }
}

TEST_F(OpenApi, describes_body_and_answer_of_every_route) {
  for (const auto& route : Console::routes()) {
    const Yaml* described = operation(route);
    ASSERT_NE(described, nullptr) << route.path;
    const Yaml* body = described->find("requestBody");
    EXPECT_EQ(body ? properties(*body) : std::set<std::string>{}, set_of(route.body))
        << route.method << " " << route.path;
    const Yaml* responses = described->find("responses");
    ASSERT_NE(responses, nullptr) << route.path;
    const Yaml* good = nullptr;
    bool error = false;
    for (const auto& [code, response] : responses->entries()) {
      if (code.starts_with("2")) good = &response;
      if (code == "default") error = properties(response).contains("error");
    }
    ASSERT_NE(good, nullptr) << route.path;
    EXPECT_EQ(properties(*good), set_of(route.answer)) << route.method << " " << route.path;
    EXPECT_TRUE(error) << route.path << ": the default response is an error object";
    EXPECT_NE(described->find("summary"), nullptr) << route.path;
  }
}

TEST_F(OpenApi, says_which_routes_need_nobody_to_be_known) {
  for (const auto& route : Console::routes()) {
    const Yaml* described = operation(route);
    ASSERT_NE(described, nullptr) << route.path;
    const Yaml* security = described->find("security");
    EXPECT_EQ(security != nullptr && security->items().empty(), route.may == May::anyone) << route.path;
  }
}

}  // namespace
}  // namespace hinomi::console
