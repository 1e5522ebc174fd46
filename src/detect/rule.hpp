// A Sigma rule (specification v2.1) as a typed tree of tests: modifiers applied, lists and wildcards expanded, the
// condition resolved. What a rule asks for and we do not know is an error of that rule, never ignored.
// Threads: values; the trees are shared and never change.
// Fails:   per rule, with file, line and reason; the other rules load.
// Limits:  4 MiB a file, 50,000 rules, 100,000 tests a rule (counting what a condition names twice), 64 levels.
#pragma once

#include <hinomi/base/address.hpp>
#include <hinomi/base/digest.hpp>
#include <hinomi/base/yaml.hpp>
#include <hinomi/detect/pattern.hpp>
#include <hinomi/model/finding.hpp>

#include <memory>
#include <string>
#include <vector>

namespace hinomi::detect {

// One question about one field. A field that holds a list answers yes if one of its items does.
struct Test {
  enum class Kind : std::uint8_t {
    pattern,  // the whole value is of `pattern`
    regex,    // `text` (RE2, flags in front) is found in the value
    cidr,     // the value is an address within `network`
    exists,   // the field is there
    absent,   // the field is not there (null)
    less,     // the value is a number and … `number`
    less_equal,
    greater,
    greater_equal,
    field_reference,  // the value equals (begins with, ends with, contains) that of the field named by `text`
  };
  enum class Place : std::uint8_t { whole, anywhere, start, end };  // of a field_reference

  std::string field;  // as the rule names it; empty: keywords, that is any field
  Kind kind = Kind::pattern;
  bool cased = false;  // pattern, field_reference: letters must be of the same case
  Place place = Place::whole;
  Pattern pattern;
  std::string text;
  base::Cidr network;
  double number = 0;

  // The test as one line that differs for different tests.
  [[nodiscard]] std::string key() const;
};

struct Node;
using NodePointer = std::shared_ptr<const Node>;

struct Node {
  enum class Kind : std::uint8_t { test, all, any, none };  // none: its one child does not hold
  Kind kind = Kind::test;
  Test test;
  std::vector<NodePointer> children;  // of all and any: never empty
};

struct LogSource {
  std::string product;  // empty: any
  std::string category;
  std::string service;
};

struct Rule {
  model::RuleRef ref;  // id, digest of the file, title, author, level, tags
  std::string file;
  std::string source;  // the file's text
  std::string title_ja;
  std::string description;
  std::string description_ja;
  std::string status;
  std::string date;
  std::vector<std::string> references;
  std::vector<std::string> false_positives;
  LogSource log_source;
  NodePointer condition;
};

struct RuleFile {
  std::string name;  // for example the path below the rule folder
  base::Bytes bytes;
};

struct RuleError {
  std::string file;
  int line = 0;  // 1-based; 0 if the whole file
  std::string reason;
  [[nodiscard]] std::string text() const;  // file:line: reason
};

struct RuleSet {
  std::vector<Rule> rules;  // ascending by id, then digest
  std::vector<RuleError> errors;
  base::Digest digest;  // of names and bytes of all files, in order of name
};

// The order of `files` does not matter. Two rules of one id: the later by name is an error.
RuleSet load_rules(std::vector<RuleFile> files);

}  // namespace hinomi::detect
