// Which CI system it is, and that nothing of a tool's can end or begin a command of it.
#include "launcher/ci_system.h"

#include <catch2/catch.hpp>
#include <map>

#include "launcher/command_neutraliser.h"

namespace writ {
namespace {

VariableLookup variables(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const char* name) {
    const auto found = values.find(name);
    return found == values.end() ? std::string() : found->second;
  };
}

}  // namespace

TEST_CASE("each CI system is known by its environment", "[ci_system]") {
  CHECK(detect_ci_system(variables({{"GITHUB_ACTIONS", "true"}, {"CI", "true"}})) == CiSystem::kGitHub);
  CHECK(detect_ci_system(variables({{"GITLAB_CI", "true"}})) == CiSystem::kGitLab);
  CHECK(detect_ci_system(variables({{"BUILDKITE", "true"}})) == CiSystem::kBuildkite);
  CHECK(detect_ci_system(variables({{"TF_BUILD", "True"}})) == CiSystem::kAzure);
  CHECK(detect_ci_system(variables({{"CIRCLECI", "true"}})) == CiSystem::kCircle);
  CHECK(detect_ci_system(variables({{"JENKINS_URL", "https://ci.example/"}})) == CiSystem::kJenkins);
  CHECK(detect_ci_system(variables({{"BUILD_TAG", "jenkins-job-1"}})) == CiSystem::kJenkins);
  CHECK(detect_ci_system(variables({{"CI", "true"}})) == CiSystem::kPlain);
  CHECK(detect_ci_system(variables({{"GITHUB_ACTIONS", "false"}})) == CiSystem::kPlain);
  for (const std::string_view name : ci_system_names()) CHECK(ci_system_name(*ci_system_from_name(name)) == name);
  CHECK_FALSE(ci_system_from_name("travis"));
}

TEST_CASE("annotations are escaped as each runner undoes it", "[ci_system]") {
  const CiAnnotation hostile{CiLevel::kError, "a:b,c", "100%\r\n::set-env name=X::y", "x,y:z%\n.yaml", 7};
  CHECK(ci_annotation(CiSystem::kGitHub, hostile) ==
        "::error file=x%2Cy%3Az%25%0A.yaml,line=7,title=a%3Ab%2Cc::100%25%0D%0A::set-env name=X::y\n");
  const CiAnnotation azure{CiLevel::kWarning, "t", "100%\r\n##vso[task.setvariable variable=a]b", "p];x", 3};
  CHECK(ci_annotation(CiSystem::kAzure, azure) ==
        "##vso[task.logissue type=warning;sourcepath=p%5D%3Bx;linenumber=3;]t: "
        "100%AZP25%0D%0A##vso[task.setvariable variable=a]b\n");
  CHECK(ci_annotation(CiSystem::kGitLab, {CiLevel::kWarning, "t", "m\x1b[0Ksection_end:1:x\n2", "f.yaml", 2}) ==
        "writ: warning: f.yaml:2: t: m [0Ksection_end:1:x 2\n");
}

TEST_CASE("groups and the end of commands have each system's own words", "[ci_system]") {
  const CiGroup group{"make 100%", "writ-1"};
  CHECK(ci_group_begin(CiSystem::kGitHub, group, 5) == "::group::make 100%25\n");
  CHECK(ci_group_end(CiSystem::kGitHub, group, 6, CiGroupEnd::kFailed) == "::endgroup::\n");
  CHECK(ci_group_begin(CiSystem::kGitLab, group, 5) == "\x1b[0Ksection_start:5:writ-1\r\x1b[0Kmake 100%\n");
  CHECK(ci_group_end(CiSystem::kGitLab, group, 6, CiGroupEnd::kSucceeded) == "\x1b[0Ksection_end:6:writ-1\r\x1b[0K\n");
  CHECK(ci_group_begin(CiSystem::kAzure, group, 5) == "##[group]make 100%\n");
  CHECK(ci_group_begin(CiSystem::kAzure, {"sh -c ##vso[task.x]y", ""}, 5) == "##[group]sh -c **vso[task.x]y\n");
  CHECK(ci_annotation(CiSystem::kAzure, {CiLevel::kNotice, "t", "##vso[task.x]y", "", 0}) ==
        "writ: t: **vso[task.x]y\n");
  CHECK(ci_group_begin(CiSystem::kBuildkite, group, 5) == "--- make 100%\n");
  CHECK(ci_group_end(CiSystem::kBuildkite, group, 6, CiGroupEnd::kFailed) == "^^^ +++\n");
  CHECK(ci_group_end(CiSystem::kBuildkite, group, 6, CiGroupEnd::kSucceeded).empty());
  for (const CiSystem plain : {CiSystem::kPlain, CiSystem::kJenkins, CiSystem::kCircle})
    CHECK(ci_group_begin(plain, group, 5).empty());
  CHECK(ci_stop_commands(CiSystem::kGitHub, "t0k") == "::stop-commands::t0k\n");
  CHECK(ci_resume_commands(CiSystem::kGitHub, "t0k") == "::t0k::\n");
  CHECK(ci_stop_commands(CiSystem::kAzure, "t0k").empty());
}

TEST_CASE("the files that command a system are named", "[ci_system]") {
  const auto files = ci_command_files(CiSystem::kGitHub, variables({{"GITHUB_ENV", "/t/env"}, {"GITHUB_PATH", "rel"}}));
  CHECK(files == std::vector<std::string>{"/t/env"});
  CHECK(ci_command_files(CiSystem::kPlain, variables({{"GITHUB_ENV", "/t/env"}})).empty());
}

TEST_CASE("commands that stand anywhere in a line lose their power", "[ci_system]") {
  CHECK(without_ci_commands("a ##vso[task.setvariable variable=x]y") == "a **vso[task.setvariable variable=x]y");
  CHECK(without_ci_commands("##VsO[x]") == "**VsO[x]");
  CHECK(without_ci_commands("###[error]x") == "#**[error]x");
  CHECK(without_ci_commands("####vso[x]") == "##**vso[x]");
  CHECK(without_ci_commands("## heading #1 ##v ##vso") == "## heading #1 ##v ##vso");
}

TEST_CASE("a command that comes in pieces loses its power, too", "[ci_system]") {
  const std::string text = "x##vso[a]b ##[group]c ## d#";
  for (std::size_t size = 1; size < text.size(); ++size) {
    CommandNeutraliser neutraliser;
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += size) neutraliser.write(text.substr(at, size), out);
    neutraliser.finish(out);
    CAPTURE(size);
    CHECK(out == "x**vso[a]b **[group]c ## d#");
  }
}

}  // namespace writ
