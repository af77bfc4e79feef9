export interface ClinicConfig extends cdktn.TerraformMetaArguments {
  /**
  * room block
  */
  readonly room?: ClinicRoom[] | cdktn.IResolvable;
  /**
  * owner block
  */
  readonly owner: ClinicOwner;
}
export interface ClinicRoom {
}
export function clinicRoomToHclTerraform(struct?: ClinicRoom): any {
  const attrs = {
    beds: {
      value: cdktn.numberToHclTerraform(struct!.beds),
      isBlock: false,
      type: "simple",
      storageClassType: "number",
    },
  };
}
export class ClinicRoomOutputReference extends cdktn.ComplexObject {
  // beds - computed: false, optional: false, required: true
  private _beds?: number;
}
export class ClinicRoomList extends cdktn.ComplexList {
}
export class ClinicOwnerOutputReference extends cdktn.ComplexObject {
  // password_wo - computed: false, optional: true, required: false
  private _passwordWo?: string;
  public get passwordWo() {
    return this.getStringAttribute('password_wo');
  }
}
export function clinicOwnerToHclTerraform(struct?: ClinicOwner): any {
  const attrs = {
    password_wo: {
      value: cdktn.stringToHclTerraform(struct!.passwordWo),
      isBlock: false,
      type: "simple",
      storageClassType: "string",
    },
  };
}
export class ClinicDoorsOutputReference extends cdktn.ComplexObject {
  // locked - computed: true, optional: false, required: false
  public get locked() {
    return this.getBooleanAttribute('locked');
  }
}
export class ClinicDoorsList extends cdktn.ComplexList {
}
export class Clinic extends cdktn.TerraformResource {
  public static readonly tfResourceType = "aws_clinic";

  // arn - computed: true, optional: false, required: false
  public get arn() {
    return this.getStringAttribute('arn');
  }

  // doors - computed: true, optional: false, required: false
  private _doors = new ClinicDoorsList(this, "doors", false);

  // floors - computed: true, optional: false, required: false
  public get floors() {
    return cdktn.Fn.tolist(this.getNumberListAttribute('floors'));
  }

  // name - computed: false, optional: false, required: true
  private _name?: string;

  // tags - computed: false, optional: true, required: false
  private _tags?: { [key: string]: string };

  // zones - computed: true, optional: true, required: false
  private _zones?: string[];

  // owner - computed: false, optional: false, required: true
  private _owner = new ClinicOwnerOutputReference(this, "owner");

  // room - computed: false, optional: true, required: false
  private _room = new ClinicRoomList(this, "room", true);

  protected synthesizeHclAttributes(): { [name: string]: any } {
    const attrs = {
      name: {
        value: cdktn.stringToHclTerraform(this._name),
        isBlock: false,
        type: "simple",
        storageClassType: "string",
      },
      tags: {
        value: cdktn.hashMapperHcl(cdktn.stringToHclTerraform)(this._tags),
        isBlock: false,
        type: "map",
        storageClassType: "stringMap",
      },
      zones: {
        value: cdktn.listMapperHcl(cdktn.stringToHclTerraform, false)(this._zones),
        isBlock: false,
        type: "set",
        storageClassType: "stringList",
      },
      owner: {
        value: clinicOwnerToHclTerraform(this._owner.internalValue),
        isBlock: true,
        type: "list",
        storageClassType: "ClinicOwnerList",
      },
      room: {
        value: cdktn.listMapperHcl(clinicRoomToHclTerraform, true)(this._room.internalValue),
        isBlock: true,
        type: "set",
        storageClassType: "ClinicRoomList",
      },
    };
  }
}
