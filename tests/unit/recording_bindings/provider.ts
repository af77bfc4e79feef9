export interface AwsProviderConfig {
}
export class AwsProvider extends cdktn.TerraformProvider {
  public static readonly tfResourceType = "aws";

  // region - computed: false, optional: true, required: false
  private _region?: string;

  protected synthesizeHclAttributes(): { [name: string]: any } {
    const attrs = {
      region: {
        value: cdktn.stringToHclTerraform(this._region),
        isBlock: false,
        type: "simple",
        storageClassType: "string",
      },
    };
  }
}
