// Words to people: the program's log on standard error, answers on standard output, texts from the catalogues.
// Threads: any.
#pragma once

#include <hinomi/base/messages.hpp>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace hinomi::centre {

// In the language of the environment.
std::string text(std::string_view key,
                 std::initializer_list<std::pair<std::string_view, std::string_view>> values = {});
void say(const std::string& what);  // one line to standard error, with the time
void print(std::string_view what);  // one line to standard output, at once

}  // namespace hinomi::centre
