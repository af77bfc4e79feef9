"""Tables as terraform-docs prints them, and a check that finds what is stale or unexplained."""

from pathlib import Path

import pytest

from scripts.documentation.hcl_module import HclError, read_module
from scripts.documentation.module_pictures import picture
from scripts.documentation.module_tables import TableError, tables
from scripts.module_docs import BEGIN, END, documents, main, module_folders

VERSIONS = """
terraform {
  required_version = ">= 1.11, < 2.0" # why
  required_providers {
    random = { source = "hashicorp/random", version = "3.7.2" } # a pin
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7.0"
    }
  }
}
"""
MAIN = """
resource "random_id" "this" { byte_length = 4 }
resource "aws_sqs_queue" "b" { name = var.name }
resource "aws_sqs_queue" "a" {
  provider = aws.replica
  name     = "x"
}
data "aws_region" "current" {}
module "child" {
  source = "../child"
  name   = var.name
}
"""
VARIABLES = r"""
# Not a description.
variable "tiers" {
  description = "Tiers by name. Tags look like `snake_case`, see https://example.org/a_b and LOG_ONLY; a | b."
  type = map(object({
    # a comment stays, as terraform-docs keeps it
    days  = optional(number, 90)
    inner = object({ names = list(string), note = optional(string, "a = { b }") })
  }))
  nullable = false
  validation {
    condition     = length(var.tiers) > 0
    error_message = "tiers: must not be empty; got ${jsonencode(var.tiers)}."
  }
}
variable "no_default" {
  description = "None."
  type        = string
}
variable "null_default" {
  description = "An _emphasised_ word."
  type        = string
  default     = null
}
variable "secret" {
  description = "Hidden."
  type        = string
  sensitive   = true
  default     = ""
}
variable "map_default" {
  description = <<-EOT
    First line.
      Second "line".
  EOT
  type        = any
  default = { # not shown
    b       = [1.5, -2, true, null] # nor this
    "a key" = "quoted \"x\" $${aws:PrincipalTag} é <>&"
    empty   = {}
    none    = []
  }
}
"""
OUTPUTS = """
output "z_last" {
  description = "Last."
  value       = 1
  sensitive   = true
}
output "first" {
  description = "First."
  value       = { for k in module.child.names : k => "}" }
}
"""
README = f"""# small

**Creates:** a queue. **Does not create:** anything else.

```hcl
module "small" {{
  source = "../../modules/small"
}}
# expect: resources=3
```

{BEGIN}
old
{END}

After.
"""
GOLDEN = r"""## Requirements

| Name | Version |
| ---- | ------- |
| <a name="requirement_terraform"></a> [terraform](#requirement\_terraform) | >= 1.11, < 2.0 |
| <a name="requirement_aws"></a> [aws](#requirement\_aws) | >= 5.100, < 7.0 |
| <a name="requirement_random"></a> [random](#requirement\_random) | 3.7.2 |

## Providers

| Name | Version |
| ---- | ------- |
| <a name="provider_aws"></a> [aws](#provider\_aws) | >= 5.100, < 7.0 |
| <a name="provider_aws.replica"></a> [aws.replica](#provider\_aws.replica) | >= 5.100, < 7.0 |
| <a name="provider_random"></a> [random](#provider\_random) | 3.7.2 |

## Modules

| Name | Source | Version |
| ---- | ------ | ------- |
| <a name="module_child"></a> [child](#module\_child) | ../child | n/a |

## Resources

| Name | Type |
| ---- | ---- |
| [aws_sqs_queue.a](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/sqs_queue) | resource |
| [aws_sqs_queue.b](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/resources/sqs_queue) | resource |
| [random_id.this](https://registry.terraform.io/providers/hashicorp/random/3.7.2/docs/resources/id) | resource |
| [aws_region.current](https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/region) | data source |

## Inputs

| Name | Description | Type | Default | Required |
| ---- | ----------- | ---- | ------- | :------: |
| <a name="input_map_default"></a> [map\_default](#input\_map\_default) | First line.<br/>  Second "line". | `any` | <pre>{<br/>  "a key": "quoted \"x\" ${aws:PrincipalTag} é <>&",<br/>  "b": [<br/>    1.5,<br/>    -2,<br/>    true,<br/>    null<br/>  ],<br/>  "empty": {},<br/>  "none": []<br/>}</pre> | no |
| <a name="input_no_default"></a> [no\_default](#input\_no\_default) | None. | `string` | n/a | yes |
| <a name="input_null_default"></a> [null\_default](#input\_null\_default) | An _emphasised_ word. | `string` | `null` | no |
| <a name="input_secret"></a> [secret](#input\_secret) | Hidden. | `string` | `""` | no |
| <a name="input_tiers"></a> [tiers](#input\_tiers) | Tiers by name. Tags look like `snake_case`, see https://example.org/a_b and LOG\_ONLY; a \| b. | <pre>map(object({<br/>    # a comment stays, as terraform-docs keeps it<br/>    days  = optional(number, 90)<br/>    inner = object({ names = list(string), note = optional(string, "a = { b }") })<br/>  }))</pre> | n/a | yes |

## Outputs

| Name | Description |
| ---- | ----------- |
| <a name="output_first"></a> [first](#output\_first) | First. |
| <a name="output_z_last"></a> [z\_last](#output\_z\_last) | Last. |"""  # noqa: E501
EMPTY = "\n\n".join(
    f"## {title}\n\nNo {title.lower()}."
    for title in ("Requirements", "Providers", "Modules", "Resources", "Inputs", "Outputs")
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one module."""
    folder = tmp_path / "terraform" / "modules" / "small"
    folder.mkdir(parents=True)
    for name, text in {
        "versions.tf": VERSIONS,
        "main.tf": MAIN,
        "variables.tf": VARIABLES,
        "outputs.tf": OUTPUTS,
        "README.md": README,
    }.items():
        (folder / name).write_text(text)
    return tmp_path


def _module(tmp_path: Path, text: str) -> Path:
    (tmp_path / "main.tf").write_text(text)
    return tmp_path


def test_tables_are_those_of_terraform_docs(root: Path) -> None:
    assert tables(read_module(root / "terraform/modules/small")) == GOLDEN


def test_a_module_without_anything_says_so(tmp_path: Path) -> None:
    assert tables(read_module(_module(tmp_path, "locals {}\n"))) == EMPTY


def test_writing_replaces_what_is_between_the_marks_and_nothing_else(root: Path) -> None:
    readme = root / "terraform/modules/small/README.md"
    assert main(["--write"], root=root) == 0
    assert readme.read_text() == README.replace("old", GOLDEN)
    assert main(["--write"], root=root) == 0
    assert readme.read_text() == README.replace("old", GOLDEN)
    assert main([], root=root) == 0


def test_the_check_finds_a_stale_readme_writes_nothing_and_names_the_command(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = root / "terraform/modules/small/README.md"
    assert main([], root=root) == 1
    said = capsys.readouterr()
    assert said.err == ("docs: terraform/modules/small/README.md: the generated part is out of date; run: make docs\n")
    assert said.out == "docs: 1 documents, 1 out of date, 0 problems\n"
    assert readme.read_text() == README


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (
            "variables.tf",
            'description = "None."',
            "",
            'terraform/modules/small: variable "no_default" has no description; say what it is, with its unit',
        ),
        (
            "variables.tf",
            'description = "None."\n  type        = string',
            'description = "None."',
            'terraform/modules/small: variable "no_default" has no type; give it one',
        ),
        (
            "outputs.tf",
            'description = "First."',
            'description = " "',
            'terraform/modules/small: output "first" has no description; say what it is',
        ),
        (
            "README.md",
            END,
            "",
            f"terraform/modules/small/README.md: needs the lines {BEGIN} and {END}, once each, where the tables go",
        ),
        (
            "README.md",
            f"\n{BEGIN}\n",
            f"\n{END}\n{BEGIN}\n",
            f"terraform/modules/small/README.md: needs the lines {BEGIN} and {END}, once each, where the tables go",
        ),
        (
            "README.md",
            "**Creates:**",
            "Creates:",
            "terraform/modules/small/README.md: has no **Creates:**; list what the module creates, and what the caller "
            "has to bring",
        ),
        (
            "README.md",
            "**Does not create:**",
            "But not:",
            "terraform/modules/small/README.md: has no **Does not create:**; list what the module creates, and what "
            "the caller has to bring",
        ),
        (
            "README.md",
            "# expect: resources=3\n",
            "",
            "terraform/modules/small/README.md: needs one ```hcl example whose last line is `# expect: resources=N`; "
            "the tests plan it",
        ),
        (
            "variables.tf",
            'default     = ""',
            "default     = upper(1)",
            'terraform/modules/small/variables.tf:25: variable "secret": default must be a literal, got the expression '
            "'${upper(1)}'",
        ),
        (
            "variables.tf",
            "a | b.",
            "`a | b`.",
            'terraform/modules/small: variable "tiers": description: a pipe in code cannot be escaped in a table; '
            "write it without backticks",
        ),
        (
            "variables.tf",
            'default     = ""',
            'default     = "a|b"',
            'terraform/modules/small: variable "secret": default: a pipe in code cannot be escaped in a table; write '
            "it without one",
        ),
    ],
)
@pytest.mark.parametrize("arguments", [[], ["--write"]])
def test_what_is_not_explained_is_refused(
    root: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    file: str,
    old: str,
    new: str,
    problem: str,
) -> None:
    assert main(["--write"], root=root) == 0
    path = root / "terraform/modules/small" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    capsys.readouterr()
    assert main(arguments, root=root) == 1
    assert f"docs: {problem}" in capsys.readouterr().err.splitlines()


def test_a_missing_readme_and_text_that_is_no_hcl_are_refused(root: Path) -> None:
    folder = root / "terraform/modules/small"
    (folder / "README.md").unlink()
    found, problems = documents(root)
    assert found == []
    assert problems == ["terraform/modules/small/README.md: missing; write one that says what the folder creates"]
    (folder / "main.tf").write_text('resource "a" "b" {\n')
    _, problems = documents(root)
    assert len(problems) == 1
    assert problems[0].startswith("terraform/modules/small/main.tf: no HCL that python-hcl2 can read: ")


def test_a_problem_in_one_module_does_not_keep_the_others_stale(root: Path) -> None:
    other = root / "terraform/modules/broken"
    other.mkdir()
    (other / "versions.tf").write_text("terraform {\n")
    assert main(["--write"], root=root) == 1
    assert "old" not in (root / "terraform/modules/small/README.md").read_text()


def test_an_environment_needs_no_example_and_no_list(root: Path) -> None:
    folder = root / "terraform/envs/dev"
    folder.mkdir(parents=True)
    (folder / "versions.tf").write_text(VERSIONS)
    (folder / "README.md").write_text(f"# dev\n\n{BEGIN}\n{END}\n")
    found, problems = documents(root)
    assert problems == []
    assert [document.path.parent.name for document in found] == ["dev", "small"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"a\\n\\t\\"\\\\ \\u00e9"', 'a\n\t"\\ é'),
        ('"%%{ if }"', "%{ if }"),
        ("1.0", 1),
        ("-1.5", -1.5),
        ("1e3", 1000),
        ("<<EOT\n  kept\nEOT\n", "  kept\n"),
        ('{ "a-b" = 1, c: 2 }', {"a-b": 1, "c": 2}),
        ("[]", []),
    ],
)
def test_defaults_are_what_terraform_takes_them_for(tmp_path: Path, text: str, value: object) -> None:
    folder = _module(tmp_path, f'variable "x" {{\n  default = {text}\n}}\n')
    assert read_module(folder).variables[0].default == value


@pytest.mark.parametrize(
    "text", ['"${var.a}"', '"a %{ if true }b%{ endif }"', "var.a", "{ (var.a) = 1 }", "[upper(1)]"]
)
def test_a_default_that_is_no_literal_is_refused(tmp_path: Path, text: str) -> None:
    folder = _module(tmp_path, f'variable "x" {{\n  default = {text}\n}}\n')
    with pytest.raises(HclError, match=r"variable \"x\": default must be a literal, got"):
        read_module(folder)


def test_a_heredoc_in_a_collection_is_refused(tmp_path: Path) -> None:
    folder = _module(tmp_path, 'variable "x" {\n  default = { a = <<E\nb\nE\n  }\n}\n')
    with pytest.raises(HclError, match="holds a heredoc in a collection; write it as a quoted string"):
        read_module(folder)


def test_a_fenced_example_in_a_description_becomes_a_block(tmp_path: Path) -> None:
    folder = _module(
        tmp_path, 'variable "x" {\n  type = any\n  description = <<-E\n    See\n    ```\n    a_b\n    ```\n  E\n}\n'
    )
    assert "| See<pre>a_b</pre> | `any` | n/a | yes |" in tables(read_module(folder))


def test_a_pipe_in_a_type_is_refused(tmp_path: Path) -> None:
    folder = _module(tmp_path, 'variable "x" {\n  type = object({ a = optional(string, "a|b") })\n}\n')
    with pytest.raises(TableError) as caught:
        tables(read_module(folder))
    assert str(caught.value) == 'variable "x": type: a pipe in code cannot be escaped in a table; write it without one'


def test_pictures_follow_references_through_locals_and_not_into_text(tmp_path: Path) -> None:
    folder = _module(
        tmp_path,
        """
locals {
  token = { issuer = module.a.issuer, key = local.key }
  key   = module.a.key # module.no.comment
  loop  = local.loop
}
module "a" {
  source = "./a"
  text   = "module.b.text is text"
}
module "b" {
  source = "./b"
  token  = local.token
  path   = "${module.a.path}//x"
  loop   = local.loop
}
module "c" {
  source     = "./c"
  all        = { for name, value in module.b : name => value }
  depends_on = [module.a]
}
""",
    )
    assert picture(read_module(folder)) == (
        "```mermaid\n"
        "flowchart LR\n"
        '    a["a"]\n'
        '    b["b"]\n'
        '    c["c"]\n'
        '    a -->|"issuer<br/>key<br/>path"| b\n'
        "    b --> c\n"
        "```"
    )


def test_pictures_are_checked_like_tables(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = root / "terraform/modules/small"
    (folder / "main.tf").write_text(
        'module "a" {\n  source = "./a"\n}\nmodule "b" {\n  source = "./b"\n  x      = module.a.y\n}\n'
    )
    document = root / "docs/architecture.md"
    document.parent.mkdir()
    document.write_text("<!-- BEGIN_PICTURE modules/gone -->\n<!-- BEGIN_PICTURE modules/small -->\n")
    assert main(["--write"], root=root) == 1
    assert capsys.readouterr().err.splitlines() == [
        "docs: docs/architecture.md: has a picture of modules/gone, which cannot be read below terraform/",
        "docs: docs/architecture.md: needs the lines <!-- BEGIN_PICTURE modules/small --> and <!-- END_PICTURE "
        "modules/small -->, once each, where the picture goes",
    ]
    document.write_text("<!-- BEGIN_PICTURE modules/small -->\n<!-- END_PICTURE modules/small -->\n")
    assert main(["--write"], root=root) == 0
    assert 'a -->|"y"| b' in document.read_text()
    assert main([], root=root) == 0


def test_the_repository_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0, capsys.readouterr().err


def test_every_module_and_root_of_the_repository_is_looked_at() -> None:
    sources = Path(__file__).parents[2] / "terraform"
    with_outputs = {path.parent for path in sources.rglob("outputs.tf") if ".terraform" not in path.parts}
    assert with_outputs == set(module_folders(sources))


def test_nothing_is_hidden_from_terraform_docs_alone() -> None:
    sources = Path(__file__).parents[2] / "terraform"
    assert [path for path in sources.rglob("*.tf") if "terraform-docs-ignore" in path.read_text()] == []
