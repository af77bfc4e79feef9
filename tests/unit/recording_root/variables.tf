variable "name" {
  type    = string
  default = "clinic"
}

variable "description" {
  type    = string
  default = "First."
}

variable "region" {
  type    = string
  default = "eu-west-1"
}

variable "account_id" {
  type    = string
  default = "111122223333"
}
